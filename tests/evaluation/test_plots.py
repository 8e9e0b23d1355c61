"""The figures of an evaluation, from its scores alone."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from busicli.evaluation.plots import area_summary, calibration_error, write_plots
from busicli.imaging.agreement import precision_recall
from busicli.plots.comparison import comparison_plot
from busicli.plots.drawing import log_axis, new_figure
from busicli.types import ImageScore

NAN = float("nan")
SCORE = ImageScore(
    case="a",
    dataset="d",
    label="benign",
    group=0,
    dice=0.8,
    iou=0.67,
    hd95_px=3.0,
    lesions=1,
    missed_lesions=0,
    reference_area_px=90,
    predicted_area_px=110,
    scan_px=1000,
    confidence=0.8,
    found_lesions_px=(90,),
)


def scan(number, **changes):
    return dataclasses.replace(SCORE, case=f"c{number}", group=number, **changes)


@pytest.fixture
def scores():
    """Good masks, a poor one, a missed lesion, a false mask and a scan rightly without one."""
    nothing = {
        "label": "normal",
        "reference_area_px": 0,
        "lesions": 0,
        "hd95_px": NAN,
        "found_lesions_px": (),
    }
    return [
        *(scan(n, label="malignant", dice=0.9, confidence=0.9) for n in range(5)),
        scan(5, dice=0.3, confidence=0.2, predicted_area_px=400),
        scan(6, dice=0.0, confidence=0.1, predicted_area_px=0, hd95_px=NAN, missed_lesions=1),
        scan(7, **nothing, dice=0.0, confidence=0.4),
        scan(8, **nothing, dice=NAN, confidence=0.7, predicted_area_px=0),
    ]


def written(folder):
    return sorted(path.name for path in (folder / "plots").iterdir())


def test_all_metrics_in_both_forms(scores, tmp_path):
    curve = precision_recall(np.full((1, 2, 2), 0.7), np.ones((1, 2, 2), bool))
    write_plots(tmp_path, scores, pixels=curve, review_below=0.5)
    names = ("areas", "calibration", "dice", "precision_recall")
    assert written(tmp_path) == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]


def test_without_confidence_and_maps_two_are_left(scores, tmp_path):
    write_plots(tmp_path, [dataclasses.replace(s, confidence=NAN) for s in scores])
    assert written(tmp_path) == ["areas.png", "areas.svg", "dice.png", "dice.svg"]


@pytest.mark.parametrize("count", [0, 1, 9])
@pytest.mark.filterwarnings("error")
def test_few_scans_or_no_lesion_are_drawn_too(scores, tmp_path, count):
    write_plots(tmp_path / "a", scores[:count])
    write_plots(tmp_path / "b", scores[7:][:count])
    assert (tmp_path / "a" / "plots" / "dice.png").is_file()
    assert (tmp_path / "b" / "plots" / "areas.svg").is_file()


def test_dollars_in_the_name_of_a_class_are_no_formula(scores, tmp_path):
    label = "a$\\frac{$"
    write_plots(tmp_path, [dataclasses.replace(s, label=label) for s in scores])
    comparison_plot(("a", "b"), {label: np.full((2, 2), 0.5)}, [])


def test_settings_of_matplotlib_in_the_current_folder_are_not_taken(tmp_path):
    """They may come with scans, and have text typeset by LaTeX, which runs what it is told."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    code = "import busicli.plots.drawing, matplotlib; print(matplotlib.rcParams['text.usetex'])"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert found.stdout == b"False\n"


def test_the_same_scores_give_the_same_bytes(scores, tmp_path):
    for name in ("a", "b"):
        write_plots(tmp_path / name, scores)
    first, second = ([p.read_bytes() for p in sorted((tmp_path / n).rglob("*.*"))] for n in "ab")
    assert first == second


def test_good_and_bad_masks_are_reported_apart_without_colour(scores, tmp_path):
    """Bad masks are hatched: the image changes where all are good, in grey print too."""
    images = []
    for name, dice in (("a", 0.9), ("b", 0.1)):
        write_plots(tmp_path / name, [dataclasses.replace(s, dice=dice) for s in scores])
        png = (tmp_path / name / "plots" / "calibration.png").read_bytes()
        grey = np.asarray(Image.open(io.BytesIO(png)).convert("L")).astype(int)
        images.append(grey[:, grey.shape[1] // 2 :])  # the histogram
    assert (np.abs(images[0] - images[1]) > 60).sum() > 1000


def test_numbers_are_those_of_the_metrics(scores):
    found = area_summary(scores)
    assert found.scans == 6
    biases = [100 * 20 / 100] * 5 + [100 * 310 / 245]
    assert found.bias_percent == pytest.approx(np.mean(biases))
    error = calibration_error(scores)
    assert error is not None
    assert 0 < error < 1


def test_nothing_scored_is_undefined_not_zero():
    found = area_summary([])
    assert found.scans == 0
    assert np.isnan(found.bias_percent)
    assert calibration_error([]) is None


def test_presence_and_classes_have_plots_of_their_own(scores, tmp_path):
    known = [
        dataclasses.replace(
            s, presence=0.9 - s.group / 20, p_normal=0.2, p_benign=0.6, p_malignant=0.2
        )
        for s in scores
    ]
    write_plots(tmp_path, known)
    assert {"missed_and_false.png", "malignancy_calibration.svg"} <= set(written(tmp_path))


@pytest.mark.parametrize(("low", "high"), [(0.3, 60), (0.4, 0.4), (3, 4.5), (1e-3, 100)])
def test_a_log_axis_has_few_plain_numbers_within_it(low, high):
    axis = new_figure(2, 2).subplots()
    log_axis(axis, low, high)
    ticks = axis.get_xticks()
    assert 1 <= len(ticks) <= 6
    left, right = axis.get_xlim()
    assert all(left <= tick <= right for tick in ticks)
    assert axis.get_xticks(minor=True).size == 0
