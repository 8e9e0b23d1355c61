import math
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import busicli
from busicli import InputError, Scale, Spacing, evaluate, load_weights, read_file, segment
from tests.dicom_maker import region, ultrasound

LEFT = np.array([[1, 1, 0, 0]], bool)
SHIFTED = np.array([[0, 1, 1, 0]], bool)


@pytest.fixture(scope="module")
def weights():
    return load_weights()


def test_a_mask_is_that_of_the_command(weights, phantom_file, call, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "scan.png").symlink_to(phantom_file)
    call("segment-dir", folder, tmp_path / "out")
    written = np.asarray(Image.open(tmp_path / "out/masks/scan.png")) > 0
    scan = read_file(phantom_file)
    found = segment(scan.frames[0], weights, file=scan)
    assert (found.mask == written).all()
    (lesion,) = found.lesions
    assert lesion.millimetres is None
    assert 0 <= found.confidence <= 1
    assert [(view.kind, view.source) for view in found.views] == [("whole", "whole")]


def test_a_grey_array_is_taken_as_it_is(weights, phantom_file):
    colour = read_file(phantom_file).frames[0]
    grey = colour[..., 0].copy()
    assert (segment(grey, weights).probability == segment(colour, weights).probability).all()
    assert (grey == colour[..., 0]).all()


def test_millimetres_follow_a_given_spacing(weights, phantom_file):
    scan = read_file(phantom_file).frames[0]
    found = segment(scan, weights, spacing=Spacing(row_mm=0.2, column_mm=0.2))
    (lesion,) = found.lesions
    assert lesion.millimetres.area_mm2 == pytest.approx(lesion.area_px * 0.04)
    assert lesion.millimetres.depth_mm is None


def test_a_dicom_file_brings_its_own_scale(weights, tmp_path):
    grey = (np.arange(60 * 80).reshape(60, 80) % 251).astype(np.uint8)
    data = ultrasound(np.stack([grey, grey]), regions=[region((0, 0, 59, 79), 0.01, 0.02)])
    (tmp_path / "IM0001").write_bytes(data)
    found = read_file(tmp_path / "IM0001")
    assert len(found.frames) == 2
    assert found.scale.regions[0].spacing == Spacing(row_mm=0.1, column_mm=0.2)
    assert found.tissue == ((0, 0, 60, 80),)


def test_a_region_of_tissue_is_segmented_as_the_bare_scan(weights, phantom_file):
    bare = read_file(phantom_file).frames[0]
    rows, columns = bare.shape[:2]
    screen = np.full((rows + 60, columns + 90, 3), 60, np.uint8)
    screen[40 : 40 + rows, 70 : 70 + columns] = bare
    tissue = [(40, 70, 40 + rows, 70 + columns)]
    found = segment(screen, weights, tissue=tissue, views="header")
    assert (found.mask[40 : 40 + rows, 70 : 70 + columns] == segment(bare, weights).mask).all()
    assert found.mask.sum() == segment(bare, weights).mask.sum()
    assert [(view.box, view.source) for view in found.views] == [(tissue[0], "header")]


def test_greys_that_were_guessed_are_said_of_a_file_and_of_an_array(
    weights, phantom_file, tmp_path
):
    faint = np.asarray(Image.open(phantom_file).convert("L")) // 8
    Image.fromarray(faint).save(tmp_path / "faint.png")
    file = read_file(tmp_path / "faint.png")
    of_file, of_array = segment(file.frames[0], weights, file=file), segment(faint, weights)
    assert "uncertain greys" in of_file.why_review
    assert of_array.why_review == of_file.why_review
    assert (of_array.probability == of_file.probability).all()
    assert faint.max() <= 31  # the array is not changed
    assert "uncertain greys" not in segment(read_file(phantom_file).frames[0], weights).why_review


def test_rows_that_are_missing_are_said_of_a_file(weights, tmp_path, call):
    grain = np.random.default_rng(0).integers(0, 256, (64, 96)).astype(np.uint8)
    Image.fromarray(grain).save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "short.jpg").write_bytes(data[: len(data) // 2] + data[-2:])  # ends as JPEG ends
    file = read_file(tmp_path / "short.jpg")
    found = segment(file.frames[0], weights, file=file)
    assert "rest of the image missing" in found.why_review
    ended = call("show", tmp_path / "short.jpg", "--out", tmp_path / "look.png")
    assert "rest of the image missing" in ended.out


def test_a_frame_of_another_file_is_refused(weights, phantom_file):
    file = read_file(phantom_file)
    with pytest.raises(InputError, match=r"the scan is of shape \(8, 6, 3\) but the file's frames"):
        segment(np.zeros((8, 6), np.uint8), weights, file=file)


@pytest.mark.parametrize(
    ("scan", "said"),
    [
        ([[0, 1], [2, 3]], "the scan is of type list; an array of uint8 is needed"),
        (Image.new("L", (4, 3)), r"type PIL Image; .* np.asarray\(image.convert\('RGB'\)\)"),
        (None, "type NoneType"),
        ("scan.png", "type str"),
    ],
)
def test_a_scan_that_is_no_array_is_refused(weights, scan, said):
    with pytest.raises(InputError, match=said):
        segment(scan, weights)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"spacing": 0.1}, r"spacing is of type float; give Spacing\(row_mm"),
        ({"file": "scan.png"}, "file is of type str; give what read_file gave"),
        ({"file": "scan.png", "tissue": ((0, 0, 4, 4),)}, "a file has its own: leave these"),
        ({"tissue": ((0, 0, 4),)}, r"the box \(0, 0, 4\)"),
        ({"tissue": ((0, 0, 9, 4),)}, r"within 8 x 6 pixels"),
        ({"tissue": ((0, 0, 4.5, 4),)}, r"the box \(0, 0, 4.5, 4\)"),
        ({"tissue": (0, 0, 4, 4)}, "one of tissue is of type int"),
        ({"views": ["auto"]}, "views is"),
        ({"weights": "improved-unet"}, "weights is of type str; load them with load_weights"),
    ],
)
def test_other_arguments_than_promised_are_refused(weights, options, said):
    with pytest.raises(InputError, match=said):
        segment(np.zeros((8, 6), np.uint8), **{"weights": weights, **options})


@pytest.mark.parametrize("mask", [[[True]], np.zeros((2, 2), np.uint8), np.zeros((1, 2, 2), bool)])
def test_masks_that_are_no_boolean_arrays_are_refused(mask):
    with pytest.raises(InputError, match="predicted is of"):
        evaluate(mask, np.zeros((2, 2), bool))
    with pytest.raises(InputError, match="reference is of"):
        evaluate(np.zeros((2, 2), bool), mask)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: read_file(None), "path is of type NoneType"),
        (lambda: read_file("a.png", spacing=(0.1, 0.1)), "spacing is of type tuple"),
        (lambda: load_weights(3), "name_or_folder is of type int"),
        (lambda: load_weights(threads="2"), "threads is of type str"),
        (lambda: load_weights(plugins="mine.py"), "plugins is of type str; give a list"),
        (lambda: Spacing(row_mm="1", column_mm=1), "the spacing is '1' mm"),
    ],
)
def test_wrong_types_are_one_sentence_everywhere(call, said):
    with pytest.raises(InputError, match=said):
        call()


def test_unknown_views_are_refused(weights, phantom_file):
    with pytest.raises(InputError, match="views is some; it must be header or auto or whole"):
        segment(read_file(phantom_file).frames[0], weights, views="some")


@pytest.mark.parametrize(
    ("scan", "sentence"),
    [
        (np.zeros((4, 4), float), "type float64"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), "4 channels"),
        (np.zeros(4, np.uint8), r"shape \(4,\)"),
    ],
)
def test_other_arrays_are_refused(weights, scan, sentence):
    with pytest.raises(InputError, match=sentence):
        segment(scan, weights)


def test_a_file_that_is_no_scan_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no scan")
    with pytest.raises(InputError, match=r"notes\.txt is not a scan"):
        read_file(tmp_path / "notes.txt")
    with pytest.raises(InputError, match=r"gone\.png cannot be read"):
        read_file(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("given", "said"),
    [({"threads": 0}, "threads is 0"), ({"engine": "x"}, "engine is x"), ({"precision": "x"}, "x")],
)
def test_weights_are_loaded_as_asked_or_not_at_all(given, said):
    with pytest.raises(InputError, match=said):
        load_weights(**given)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_spacing_that_none_can_have_is_refused(value):
    with pytest.raises(InputError, match=r"the spacing is .* mm; it must be a number above 0"):
        Spacing(row_mm=value, column_mm=0.1)


def test_unknown_weights_are_refused():
    with pytest.raises(InputError, match="no-such"):
        load_weights("no-such")


def test_masks_are_compared():
    score = evaluate(LEFT, SHIFTED)
    assert score.dice == 0.5  # 2 * 1 / (2 + 2)
    assert np.isnan(evaluate(LEFT & False, LEFT & False).dice)


def test_every_public_name_is_there():
    assert {name for name in busicli.__all__ if not hasattr(busicli, name)} == set()
    assert Scale(origin="none").regions == ()
    with pytest.raises(AttributeError, match="no_such"):
        busicli.no_such  # noqa: B018


def test_the_package_alone_imports_nothing_heavy():
    code = "import busicli, sys; print('numpy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert said.stdout == "False\n"
