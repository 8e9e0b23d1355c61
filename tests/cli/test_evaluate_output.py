import json
import shutil
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from tests.cli.scored import rows


def test_plots_are_for_print_and_for_screen_and_their_numbers_are_reported(scored):
    out, _, metrics = scored
    found = sorted(path.name for path in (out / "plots").iterdir())
    # these weights give confidence and no classes
    names = ("areas", "calibration", "dice", "missed_and_false", "precision_recall")
    assert found == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    for path in (out / "plots").glob("*.png"):
        assert Image.open(path).width > 1000  # 300 dots an inch
    for path in (out / "plots").glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("}svg")
    own = rows(out / "per_image.csv")
    assert metrics["areas"]["scans"] == sum(
        int(row["reference_area_px"]) > 0 and int(row["predicted_area_px"]) > 0 for row in own
    )
    assert 0 < metrics["average_precision"] <= 1


def test_metrics_of_an_earlier_evaluation_do_not_stay(study, call, tmp_path):
    plots = tmp_path / "scores" / "plots"
    plots.mkdir(parents=True)
    plots.with_name("metrics.json").touch()
    for name in ("malignancy_calibration.png", "mine.png"):
        (plots / name).write_bytes(b"old")
    ended = call("eval", "--data", study.data, "--weights", study.weights, "--out", "scores")
    assert ended.status == 0, ended.err
    assert not (plots / "malignancy_calibration.png").exists()
    assert (plots / "mine.png").read_bytes() == b"old"
    assert (plots / "areas.svg").is_file()


def test_examples_show_scan_true_and_predicted_mask(scored):
    image = Image.open(scored[0] / "examples.png")
    image.load()
    # 6 rows of 2.35 inches, 3 columns in 7 inches, at 100 dots an inch
    assert image.size == (700, 1410)


def test_the_page_has_an_image_of_every_scan_with_both_contours(scored):
    out, ended, _ = scored
    assert ended.out.endswith("examples.png, plots, report.html\n")
    found = rows(out / "per_image.csv")
    images = sorted((out / "thumbnails").iterdir())
    assert [image.name for image in images] == [f"{n:06d}.jpg" for n in range(len(found))]
    assert f'"thumbnail":"thumbnails/{images[-1].name}"' in (out / "report.html").read_text()
    for row, image in zip(found, images, strict=True):
        red, green, blue = np.moveaxis(np.asarray(Image.open(image)).astype(int), 2, 0)
        sky = (blue > red + 100) & (green > red + 50)  # JPEG rings around yellow, in plain blue
        assert sky.any() == (int(row["reference_area_px"]) > 0)
        assert (red > blue + 100).any() == (int(row["predicted_area_px"]) > 0)


def test_results_are_not_written_beside_what_is_not_theirs(study, call, scans, tmp_path, tree):
    shutil.copytree(scans / "normal", tmp_path / "scans")
    before = tree(tmp_path)
    ended = call("eval", "--data", study.data, "--weights", study.weights, "--out", "scans")
    assert (ended.status, "eval did not make it" in ended.err) == (1, True)
    assert tree(tmp_path) == before


def test_images_of_an_earlier_evaluation_do_not_stay(study, call, tmp_path):
    mine = tmp_path / "scores" / "thumbnails" / "my own.jpg"
    mine.parent.mkdir(parents=True)
    for path in (mine.parents[1] / "metrics.json", mine, mine.with_name("000007.jpg")):
        path.touch()
    call("eval", "--data", study.data, "--weights", study.weights, "--out", "scores")
    assert sorted(path.name for path in mine.parent.iterdir()) == ["000000.jpg", "my own.jpg"]


def test_json_is_one_document_on_stdout_equal_to_the_file(study, call, tmp_path):
    weights = ("--weights", study.weights)
    ended = call("eval", "--data", study.data, *weights, "--out", "scores", "--json")
    assert ended.status == 0
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert json.loads(ended.out) == metrics
    assert metrics["split"] == "test"
    assert metrics["per_image"]["scans"] == 1


def test_two_evaluations_give_the_same_bytes(study, call, scored, tree, tmp_path):
    call("eval", "--data", study.data, "--split", "train", "--weights", study.weights, "--out", "a")
    names = (
        *("per_image.csv", "examples.png", "examples.svg", "thumbnails/000000.jpg"),
        *("plots/dice.png", "plots/areas.svg"),
    )
    ours, theirs = tree(tmp_path / "a"), tree(scored[0])
    assert [ours[name] for name in names] == [theirs[name] for name in names]
