import re

import pytest

from tests.conftest import TRAINING


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--model", "resnet"),
            "there is no model resnet; known are: improved-unet, unet.",
        ),
        (
            ("--model-option", "filters=8"),
            "has no option filters; it has: encoder, widths, dropout, class_head.",
        ),
        (("--resume", "--name", "gone"), "to resume; leave out --resume"),
        (("--init", "./nowhere"), "nowhere holds no card.json"),
        (("--set", "init_weight=0.5"), "and there are none: give --init."),
    ],
)
def test_what_cannot_be_trained_is_said_and_leaves_no_run(study, call, tmp_path, options, sentence):
    ended = call("train", "--data", study.data, *options)
    assert ended.status == 1
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert not ended.out  # no run is announced
    assert not (tmp_path / "runs").exists()


def test_data_without_a_validation_split_are_not_trained_on(call, scans, tmp_path):
    lines = [f"{scan},,normal,,test" for scan in sorted((scans / "normal").glob("*[0-9].png"))]
    (tmp_path / "own.csv").write_text("\n".join(["scan,masks,class,group,split", *lines]) + "\n")
    assert call("preprocess", "--table", "own.csv", "--size", 32, "--jobs", 1).status == 0
    ended = call("train")
    assert ended.status == 1
    assert "no scan for train and val" in ended.err


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (("--model-option", "widths=3"), 1, "is 3; it must be like [48, 80, 112, 192]."),
        (("--model-option", "widths=[0,8,8,8]"), 1, "cannot be built with the options {'widths':"),
        (("--model", "unet", "--model-option", "levels=30"), 1, "size would be zero or negative"),
        (("--learning-rate", "0"), 2, "learning rate is 0.0; it must be above 0."),
        (("--set", "augmentation.gamma=x"), 2, "augmentation.gamma is x; it must be like 0.4."),
        (("--set", "learning_rate=Infinity"), 2, "learning_rate is inf; it must be finite."),
        (("--fold", "1"), 2, "--fold needs --folds, the number of folds."),
        (("--folds", "2", "--fold", "3"), 2, "--fold is 3; there are 2 folds."),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence_and_leaves_no_run(
    study, call, tmp_path, options, status, sentence
):
    ended = call("train", "--data", study.data, "--model", "improved-unet", *options)
    assert ended.status == status
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_weights_that_do_not_fit_name_the_first_layer_that_differs(study, call, tmp_path):
    filters = ("--model-option", "filters=16")
    ended = call("train", "--data", study.data, "--init", study.weights, *TRAINING, *filters)
    assert ended.status == 1
    assert re.search(
        r"do not fit the model \S+: its first difference is \S+, of shape \(.*8\) in the weights "
        r"and \(.*16\) in the model; use the plugin",
        ended.err,
    )
    assert not (tmp_path / "runs").exists()


def test_a_name_is_no_path(call, study, tmp_path):
    ended = call("train", "--data", study.data, "--name", "../elsewhere")
    assert (ended.status, "leave out slashes" in ended.err) == (2, True)
