from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from busicli.errors import InputError
from busicli.inference.engines import Predictions
from busicli.models.registry import find
from busicli.models.weights import build_model
from busicli.settings import PostprocessSettings, TrainSettings
from busicli.training.batches import TrainingBatches
from busicli.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from busicli.training.examples import Epoch
from busicli.training.history import COLUMNS, read_history, write_history
from busicli.training.loop import TrainingPlan, averaged, compile_model
from busicli.training.tune import Sweep, tune, tune_confidence, tune_postprocess
from tests.training.made_splits import textured

PROGRESS = Progress(epochs_done=3, best_epoch=2, best_dice=0.625)


def test_most_epochs_are_small_and_the_last_ones_full():
    # int(10 * 0.7) = 7 epochs are small
    settings = TrainSettings(epochs=10, low_res_px=128, low_res_fraction=0.7)
    assert [settings.size_px(e, 256) for e in (0, 6, 7, 9)] == [128, 128, 256, 256]
    assert settings.size_px(0, 64) == 64  # data that are smaller are never made larger
    assert settings.size_px(0, 256, multiple=48) == 96  # the largest multiple that is not above
    assert replace(settings, low_res_fraction=0.0).size_px(0, 256) == 256
    assert replace(settings, epochs=1).size_px(0, 256) == 256


# --- checkpoints


def small_network(seed: int, width: int = 4) -> keras.Model:
    """With batch normalisation and dropout, whose states belong to a checkpoint too."""
    keras.utils.set_random_seed(seed)
    scan = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(width, 3, padding="same")(scan)
    x = keras.layers.SpatialDropout2D(0.5)(keras.layers.BatchNormalization()(x))
    model = keras.Model(scan, keras.layers.Conv2D(1, 1, activation="sigmoid")(x))
    compile_model(model, TrainSettings(epochs=4, batch_size=2, learning_rate=0.01), scans=6)
    return model


def epoch_of_three() -> TrainingBatches:
    return TrainingBatches(Epoch(textured(), TrainSettings(batch_size=2), 0))


def step(model: keras.Model, index: int) -> None:
    model.train_on_batch(*epoch_of_three()[index])


def state(model: keras.Model) -> list[np.ndarray]:
    """Weights, running means, dropout's random state, the optimizer's moments, step and average."""
    variables = [*model.variables, *model.optimizer.variables]
    kept = [v for v in variables if not v.path.startswith(("pixels", "mean_metric", "loss"))]
    return [v.numpy().copy() for v in kept]


def test_an_epoch_resumes_from_the_weights_and_not_from_their_average():
    batches = epoch_of_three()
    by_epochs, by_steps = small_network(seed=1), small_network(seed=1)
    for _ in range(2):
        by_epochs.fit(batches, epochs=1, shuffle=False, verbose=0)
        for index in range(3):
            by_steps.train_on_batch(*batches[index])
    for one, other in zip(state(by_epochs), state(by_steps), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    before = by_epochs.get_weights()
    averaged(by_epochs).on_test_begin()
    assert any((a != b).any() for a, b in zip(before, by_epochs.get_weights(), strict=True))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> tuple[keras.Model, Path]:
    """A network after two steps, and its checkpoint."""
    model = small_network(seed=1)
    step(model, 0)
    step(model, 1)
    path = tmp_path_factory.mktemp("run") / "checkpoints" / "last.safetensors"
    save_checkpoint(path, model, PROGRESS)
    return model, path


def test_a_checkpoint_brings_back_every_number_exactly(checkpoint):
    model, path = checkpoint
    other = small_network(seed=2)
    assert any((a != b).any() for a, b in zip(state(model), state(other), strict=True))
    assert load_checkpoint(path, other) == PROGRESS
    for expected, found in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert int(other.optimizer.iterations.numpy()) == 2


def test_dropouts_random_state_is_in_the_checkpoint(checkpoint):
    model, path = checkpoint
    other = small_network(seed=2)
    load_checkpoint(path, other)
    seeds = [
        [v.numpy().tolist() for v in m.variables if "seed" in v.path]
        for m in (model, other, small_network(seed=1))
    ]
    assert seeds[0] == seeds[1] != seeds[2]  # two steps have moved it on
    assert len(seeds[0]) == 1


def test_a_network_resumes_from_a_checkpoint_as_if_never_stopped(tmp_path):
    through, resumed = small_network(seed=1), small_network(seed=2)
    step(through, 0)
    save_checkpoint(tmp_path / "last", through, PROGRESS)
    step(through, 1)
    load_checkpoint(tmp_path / "last", resumed)
    step(resumed, 1)
    for expected, found in zip(state(through), state(resumed), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["other widths", "other model", "cut short", "rubbish", "empty"])
def test_a_checkpoint_that_does_not_fit_is_refused(checkpoint, tmp_path, kind):
    _, path = checkpoint
    model = small_network(seed=1, width=8 if kind == "other widths" else 4)
    if kind == "other model":
        model = build_model(find("unet"), 32, {"filters": 2, "levels": 2})
        compile_model(model, TrainSettings(), scans=6)
    data = path.read_bytes()
    content = {"cut short": data[:-9], "rubbish": b"\xff" * 200, "empty": b""}.get(kind, data)
    (tmp_path / "last").write_bytes(content)
    with pytest.raises(InputError, match=r"start a new run\.$"):
        load_checkpoint(tmp_path / "last", model)


# --- the plan of epochs


def test_time_left_counts_an_epochs_pixels_and_full_size_epochs_are_compared():
    settings = TrainSettings(epochs=4, low_res_px=32, low_res_fraction=0.5)
    plan = TrainingPlan(settings=settings, full_px=64)
    assert [plan.size_px(epoch) for epoch in range(4)] == [32, 32, 64, 64]
    assert plan.seconds_left(1, 10.0) == 10 + 4 * 10 + 4 * 10  # twice the side, four times the time
    assert plan.seconds_left(3, 40.0) == 40
    assert plan.seconds_left(4, 40.0) == 0
    assert plan.compared_epochs() == range(3, 5)
    assert TrainingPlan(settings=settings, full_px=32).compared_epochs() == range(1, 5)


# --- history


def history(count: int) -> list[dict[str, float]]:
    return [
        {name: number + position / 8 for position, name in enumerate(COLUMNS)}
        for number in range(1, count + 1)
    ]


def test_a_history_comes_back_as_it_was_written(tmp_path):
    write_history(tmp_path / "history.csv", history(3))
    assert read_history(tmp_path / "history.csv") == history(3)
    text = (tmp_path / "history.csv").read_text()
    assert text.startswith("epoch,Loss,Dice_coef,Recall,Precision,Accuracy,F1_score,val_Loss,")
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == ["1", "2", "3"]


def test_without_a_file_there_is_no_history(tmp_path):
    assert read_history(tmp_path / "history.csv") == []


def test_a_history_can_be_continued_without_rounding_twice(tmp_path):
    rows = [dict.fromkeys(COLUMNS, 1 / 3) | {"epoch": 1}]
    write_history(tmp_path / "once.csv", rows)
    write_history(tmp_path / "twice.csv", read_history(tmp_path / "once.csv"))
    assert (tmp_path / "once.csv").read_bytes() == (tmp_path / "twice.csv").read_bytes()


# --- the choice of post-processing


def square(value: float, side: int = 20, background: float = 0.0) -> np.ndarray:
    """A map of 40 x 50 with a square of one probability."""
    probability = np.full((40, 50), background, np.float32)
    probability[5 : 5 + side, 5 : 5 + side] = value
    return probability


def tuned_for(maps, references) -> PostprocessSettings:
    """What is chosen on all of these scans."""
    return tune_postprocess(
        Sweep(Predictions(np.array(maps)), np.array(references)), np.ones(len(maps), bool)
    )


def test_the_threshold_that_fits_is_chosen():
    # Of the candidates only 0.6 lies between the background's 0.57 and the lesion's 0.62.
    tuned = tuned_for([square(0.62, background=0.57)], [square(1) > 0])
    assert tuned == PostprocessSettings(threshold=0.6, min_area_fraction=0.0002)


def test_specks_are_dropped_by_the_smallest_area_that_does():
    # The speck has 5 of 2000 pixels, 0.0025: of the candidates only 0.004 is above.
    probability = square(0.9)
    probability[30, 40:45] = 0.9
    tuned = tuned_for([probability], [square(1) > 0])
    assert tuned.min_area_fraction == 0.004


def test_scans_without_a_sure_lesion_are_empty_by_the_lowest_presence_that_does():
    # The false lesion of a normal scan is at 0.76 throughout, the true one at 0.95 but for a rim of
    # 0.72: the threshold cannot part them without cutting the rim off.
    lesion = square(0.72)
    lesion[6:22, 6:22] = 0.95
    normal = square(0.76)
    tuned = tuned_for([lesion, normal], [square(1) > 0, np.zeros((40, 50), bool)])
    assert tuned == PostprocessSettings(threshold=0.3, min_area_fraction=0.0002, min_presence=0.8)


def test_rivals_of_the_lesion_are_dropped_by_the_smallest_share_that_does():
    # The false one beside the lesion scores 100 x 0.75^8 = 10 against 400 x 0.9^8 = 172, 0.058.
    probability = square(0.9)
    probability[5:15, 35:45] = 0.75
    tuned = tuned_for([probability], [square(1) > 0])
    assert tuned == PostprocessSettings(
        threshold=0.3, min_area_fraction=0.0002, min_share_of_best=0.1
    )


def test_of_equal_settings_the_mildest_wins():
    # A perfect map fits under every candidate.
    tuned = tuned_for([square(1.0)], [square(1) > 0])
    assert tuned == PostprocessSettings(threshold=0.3, min_area_fraction=0.0002)


def test_two_empty_masks_count_for_a_setting():
    # Nothing at 0.45 and above is right for both normal scans; below, both are false.
    maps = [square(0.42), square(0.42)]
    tuned = tuned_for(maps, [np.zeros((40, 50), bool)] * 2)
    assert tuned.threshold == 0.45


def test_only_the_given_scans_count_for_a_choice():
    # The first scan asks for a threshold of 0.6, the second for one of 0.35.
    maps = np.array([square(0.62, background=0.57), square(0.37, background=0.32)])
    sweep = Sweep(Predictions(maps), np.array([square(1) > 0] * 2))
    assert tune_postprocess(sweep, np.array([True, False])).threshold == 0.6
    assert tune_postprocess(sweep, np.array([False, True])).threshold == 0.35


def test_confidence_is_learned_from_what_tells_good_masks_from_bad():
    rng = np.random.default_rng(0)
    good = np.arange(200) % 4 > 0
    features = np.stack([good + rng.normal(0, 0.5, 200), rng.normal(0, 1, 200)], axis=1)
    settings = tune_confidence(features, good)
    assert settings is not None
    reported, noise = settings.weights
    assert reported > 5 * abs(noise)
    answers = 1 / (1 + np.exp(-(features @ np.array(settings.weights) + settings.bias)))
    assert answers.mean() == pytest.approx(0.75, abs=0.02)  # calibrated on the whole
    assert (answers < settings.review_below).mean() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("good", [True, False])
def test_no_confidence_is_learned_where_there_is_nothing_to_tell_apart(good):
    assert tune_confidence(np.zeros((5, 2)), np.full(5, good)) is None


def test_post_processing_and_confidence_are_chosen_together():
    maps = np.array([square(0.9)] * 6 + [square(0.8)] * 2)
    references = np.array([square(1) > 0] * 6 + [np.zeros((40, 50), bool)] * 2)
    tuned = tune(Sweep(Predictions(maps), references), np.ones(8, bool))
    assert tuned.postprocess.min_presence == 0.85  # the false ones go
    assert tuned.confidence is None  # and every mask is good


def test_one_scan_in_a_hundred_is_called_unlike_the_training_scans():
    maps = np.stack([square(0.9)] * 101)
    predicted = Predictions(maps, novelty=np.arange(101.0))
    rows = np.arange(101) < 51
    assert tune(Sweep(predicted, maps > 0), rows).novel_from == pytest.approx(49.5)  # of 0 to 50
