"""What of a screen reaches the network, and where its masks and rows end up."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.io.images import GREEN
from busicli.models.weights import DEFAULT_WEIGHTS, read_card, resolve_weights
from tests.dicom_maker import region, ultrasound
from tests.segmented import rows_by_scan

TOP, LEFT, GAP = 40, 30, 20


@pytest.fixture
def ward(tmp_path, phantom) -> Path:
    """The bare phantom, and a screen that shows it twice, at two scales."""
    folder = tmp_path / "ward"
    folder.mkdir()
    rows, columns = phantom.shape
    screen = np.full((rows + 2 * TOP, 2 * (LEFT + columns) + GAP), 70, np.uint8)
    left, right = LEFT, LEFT + columns + GAP
    for start in (left, right):
        screen[TOP : TOP + rows, start : start + columns] = phantom
    last = TOP + rows - 1
    regions = [
        region((TOP, left, last, left + columns - 1), 0.01, 0.01),
        region((TOP, right, last, right + columns - 1), 0.02, 0.02),
        region((TOP + 9, left + 9, TOP + 59, left + 59), 0.01, 0.01, RegionDataType=2),  # colour
    ]
    (folder / "screen").write_bytes(ultrasound(screen, regions=regions))
    Image.fromarray(phantom).save(folder / "bare.png")
    return folder


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)) > 0


def test_each_region_of_the_header_is_segmented_as_a_bare_scan(call, ward, phantom, tmp_path):
    assert call("segment-dir", ward, "out", "--views", "header").status == 0
    out, (rows, columns) = tmp_path / "out", phantom.shape
    bare, screen = pixels(out / "masks/bare.png"), pixels(out / "masks/screen.png")
    assert bare.any()
    expected = np.zeros_like(screen)
    left, right = LEFT, LEFT + columns + GAP
    for start in (left, right):
        expected[TOP : TOP + rows, start : start + columns] = bare
    assert np.array_equal(screen, expected)
    views = rows_by_scan(out)["screen"]["views"]
    boxes = [[TOP, start, TOP + rows, start + columns] for start in (left, right)]
    assert views == [
        {"frame": 1, "box": box, "kind": "tissue", "source": "header"} for box in boxes
    ]
    with (out / "lesions.csv").open(newline="") as file:
        found = [row for row in csv.DictReader(file) if row["scan"] == "screen"]
    # pixels of twice the side have four times the area
    areas = [float(row["area_mm2"]) / int(row["area_px"]) for row in found]
    assert sorted(areas) == pytest.approx([0.01, 0.04])


def test_frames_are_looked_at_as_the_weights_were_trained_or_as_is_asked(
    call, ward, phantom, tmp_path
):
    call("segment-dir", ward, "out")
    shipped = read_card(resolve_weights(DEFAULT_WEIGHTS)[0])
    assert json.loads((tmp_path / "out/run.json").read_text())["views"] == shipped.preprocess.views
    call("segment-dir", ward, "out", "--views", "whole")
    rows, columns = phantom.shape
    expected = {"frame": 1, "box": [0, 0, rows, columns], "kind": "whole", "source": "whole"}
    assert rows_by_scan(tmp_path / "out")["bare.png"]["views"] == [expected]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["views"] == "whole"


def test_other_views_are_other_results(call, ward, tmp_path):
    call("segment-dir", ward, "out")
    call("segment-dir", ward, "out", "--views", "header")
    assert rows_by_scan(tmp_path / "out")["screen"]["views"][0]["source"] == "header"


def test_a_line_runs_round_what_was_looked_at(call, ward, phantom):
    call("segment-dir", ward, "out", "--views", "header")
    call("show", ward / "screen", "--out", "look.png", "--views", "header")
    rows, columns = phantom.shape
    overlay = np.asarray(Image.open("out/overlays/screen.png").convert("RGB"))
    for image in (overlay, np.asarray(Image.open("look.png"))):
        green = (image == GREEN).all(axis=2)
        assert green[TOP - 1, LEFT : LEFT + columns].all()
        assert green[TOP : TOP + rows, LEFT - 1].all()
        assert not green[TOP : TOP + rows, LEFT : LEFT + columns].any()
    bare = np.asarray(Image.open("out/overlays/bare.png").convert("RGB"))
    assert not (bare == GREEN).all(axis=2).any()


def test_show_says_what_it_looked_at(call, ward, phantom):
    ended = call("show", ward / "screen", "--out", "look.png", "--views", "auto")
    rows, columns = phantom.shape
    first = f"rows {TOP} to {TOP + rows}, columns {LEFT} to {LEFT + columns} (from the header)"
    assert f"Views: {first}, rows " in ended.out
    assert "Views: the whole frame." in call("show", ward / "bare.png", "--out", "look.png").out
