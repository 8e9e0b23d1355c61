import math

import numpy as np
import pytest
from keras import ops

from busicli.imaging.metrics import pixel_counts, pooled_scores
from busicli.models.losses import SMOOTH_PX, Objective, PixelScores, bce, dice_loss, presence


def loss_of(reference, probability) -> np.ndarray:
    """The loss of (N, rows, columns) arrays."""
    shaped = (np.asarray(a, np.float32)[..., None] for a in (reference, probability))
    reference, probability = shaped
    both = bce(reference, probability) + dice_loss(reference, probability)
    return ops.convert_to_numpy(both)


def test_the_loss_of_one_image_is_the_sum_worked_by_hand():
    # Cross-entropy: three pixels at -ln 0.75, one at -ln 0.5.
    # Dice: twice the overlap 0.75 + 0.5 against 2 of reference and 0.75 + 0.5 + 0.25 + 0.25.
    reference, probability = [[[1, 1], [0, 0]]], [[[0.75, 0.5], [0.25, 0.25]]]
    entropies = (3 * -math.log(0.75) - math.log(0.5)) / 4
    dice = (2 * 1.25 + 64) / (2 + 1.75 + 64)
    assert SMOOTH_PX == 64
    np.testing.assert_allclose(loss_of(reference, probability), [entropies + 1 - dice], rtol=1e-5)


def test_each_image_has_its_own_loss():
    rng = np.random.default_rng(0)
    reference = rng.random((3, 4, 5)) < 0.5
    probability = rng.random((3, 4, 5))
    together = loss_of(reference, probability)
    alone = [loss_of(reference[i : i + 1], probability[i : i + 1])[0] for i in range(3)]
    assert together.shape == (3,)
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_a_perfect_answer_costs_nothing_and_a_wrong_one_stays_finite():
    reference = np.zeros((2, 16, 16))
    reference[0, 4:12, 4:12] = 1
    np.testing.assert_allclose(loss_of(reference, reference), 0, atol=1e-5)
    wrong = loss_of(reference, 1 - reference)
    assert np.isfinite(wrong).all()
    # -ln 0.000001 is 13.8; Dice adds at most 1.
    assert (wrong > 13).all()


def test_a_normal_scans_loss_falls_with_its_false_probability():
    empty = np.zeros((4, 16, 16))
    levels = np.array([0.4, 0.2, 0.1, 0.01])[:, None, None] + empty
    assert (np.diff(loss_of(empty, levels)) < 0).all()


def test_presence_goes_by_the_highest_cell_alone():
    # 64 pixels in 32 cells of 2 x 2: the highest mean is (0.9 + 3 x 0.5) / 4 = 0.6.
    probability = np.full((2, 64, 64, 1), 0.1, np.float32)
    probability[:, 10:12, 20:22] = 0.5
    probability[:, 10, 20] = 0.9
    reference = np.zeros_like(probability)
    reference[1, 40:50, 40:50] = 1
    found = ops.convert_to_numpy(presence(reference, probability))
    np.testing.assert_allclose(found, [-math.log(0.4), -math.log(0.6)], rtol=1e-5)


def test_presence_of_scans_smaller_than_its_cells_is_reported_by_the_highest_pixel():
    probability = np.full((1, 8, 8, 1), 0.25, np.float32)
    found = ops.convert_to_numpy(presence(np.zeros_like(probability), probability))
    np.testing.assert_allclose(found, [-math.log(0.75)], rtol=1e-5)


@pytest.mark.parametrize("weights", [(1, 1, 0), (1, 0, 0), (0, 1, 0.5)])
def test_the_objective_is_the_mean_of_the_weighed_terms(weights):
    reference, probability = (a[..., None].astype(np.float32) for a in random_scans(3))
    terms = [ops.convert_to_numpy(f(reference, probability)) for f in (bce, dice_loss, presence)]
    objective = Objective(**dict(zip(("bce", "dice", "presence"), weights, strict=True)))
    expected = sum(w * term for w, term in zip(weights, terms, strict=True)).mean()
    assert float(objective(reference, probability)) == pytest.approx(expected, rel=1e-5)


def scores_of(*batches) -> dict[str, float]:
    metric = PixelScores()
    for reference, probability in batches:
        metric.update_state(reference[..., None].astype(np.float32), probability[..., None])
    return {name: float(value) for name, value in metric.result().items()}


def random_scans(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Truths and probabilities that agree in part; each scan has another share of lesion."""
    rng = np.random.default_rng(seed)
    shares = np.linspace(0, 0.9, count)[:, None, None]
    reference = rng.random((count, 32, 48)) < shares
    probability = np.clip(0.6 * reference + 0.5 * rng.random(reference.shape), 0, 1).astype(
        np.float32
    )
    return reference, probability


def test_the_metrics_of_training_are_those_of_evaluation():
    reference, probability = random_scans(8)
    expected = pooled_scores(pixel_counts(probability, reference))
    # eval adds 1 above and below in Dice_coef: of 12,288 pixels that is less than 0.0001.
    assert scores_of((reference, probability)) == pytest.approx(expected, abs=1e-4)


def test_a_last_batch_of_fewer_scans_counts_by_its_pixels():
    reference, probability = random_scans(7)
    batches = [(reference[:6], probability[:6]), (reference[6:], probability[6:])]
    expected = pooled_scores(pixel_counts(probability, reference))
    assert scores_of(*batches) == pytest.approx(expected, abs=1e-4)


def test_metrics_by_hand():
    # Called: first and third; true: first and second. Hits 1 of 2 called and 2 true, right 2 of 4.
    reference = np.array([[[1, 1, 0, 0]]], bool)
    found = scores_of((reference, np.array([[[0.5, 0.25, 0.75, 0.0]]], np.float32)))
    assert found == pytest.approx(
        {
            "Loss": 1 - 2 * 0.75 / 3.5,  # overlap 0.5 + 0.25, reference 2 and probability 1.5
            "Dice_coef": 2 * 0.75 / 3.5,
            "Recall": 0.5,
            "Precision": 0.5,
            "Accuracy": 0.5,
            "F1_score": 0.5,
        },
        abs=1e-6,
    )


def test_a_reset_forgets():
    metric = PixelScores()
    reference, probability = random_scans(2)
    metric.update_state(1 - reference[..., None].astype(np.float32), probability[..., None])
    metric.reset_state()
    metric.update_state(reference[..., None].astype(np.float32), probability[..., None])
    fresh = scores_of((reference, probability))
    assert {name: float(value) for name, value in metric.result().items()} == fresh


def test_many_batches_lose_no_digits():
    # 100 batches of one constant answer: sums in float32 must not drift.
    reference = np.zeros((2, 64, 64), bool)
    reference[:, :16] = True
    probability = np.full(reference.shape, 0.7, np.float32)
    found = scores_of(*[(reference, probability)] * 100)
    assert found["Dice_coef"] == pytest.approx(2 * 0.7 * 0.25 / 0.95, abs=1e-5)
    assert (found["Recall"], found["Accuracy"]) == pytest.approx((1.0, 0.25), abs=1e-5)
