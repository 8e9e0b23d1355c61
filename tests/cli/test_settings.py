"""busicli.toml, the switches that stand anywhere, and the help."""

import json
import os
import tomllib

import pytest

from tests.cli.commands import LEAVES


def test_the_file_says_what_the_command_line_does_not(call, scans, tmp_path):
    (tmp_path / "busicli.toml").write_text("[segment-dir]\noverlays = false\njobs = 1\n")
    ended = call("segment-dir", scans / "benign", "out")
    assert ended.status == 0, ended.err
    assert ended.err.startswith("Settings read from busicli.toml: overlays, jobs.\n")
    assert not (tmp_path / "out" / "overlays").exists()
    assert call("segment-dir", scans / "benign", "both", "--overlays").status == 0
    assert (tmp_path / "both" / "overlays").is_dir()


def test_another_file_can_be_named(call, tmp_path):
    (tmp_path / "night.toml").write_text("[models.show]\njson = true\n")
    ended = call("--settings", "night.toml", "models", "show", "unet")
    assert json.loads(ended.out)["name"] == "unet"
    ended = call("--settings", "none.toml", "models", "list")
    assert ended.status == 2
    assert "none.toml cannot be read: No such file or directory." in ended.err


def test_settings_of_training_may_be_a_table(call, prepared, training, tmp_path):
    (tmp_path / "busicli.toml").write_text(
        "[train]\nepochs = 1\n[train.set]\naugmentation.gamma = 0.125\nlow_res_fraction = 0\n"
    )
    options = [*training[2:-8], "--data", prepared.data, "--name", "x"]
    ended = call("train", *options)
    assert ended.status == 0, ended.err
    settings = json.loads((tmp_path / "runs/x/run.json").read_text())["settings"]
    assert (settings["epochs"], settings["augmentation"]["gamma"]) == (1, 0.125)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[segment-dr]\n",
            "busicli.toml: [segment-dr] is not a command; did you mean segment-dir?",
        ),
        ("[models.lst]\n", "[models.lst] is not a command; did you mean list?"),
        ("[train]\nepoch = 3\n", "[train] has no option epoch; did you mean epochs?"),
        (
            "[train]\nepochs = 0\n",
            "[train] epochs is 0: Input should be greater than or equal to 1.",
        ),
        ('[train]\nepochs = "x"\n', '[train] epochs is "x": Input should be a valid integer'),
        (
            '[train]\ntrain-on = "some"\n',
            "[train] train-on is \"some\": 'some' is not one of 'train', 'all'.",
        ),
        (
            "[train]\nepochs = true\n",
            "[train] epochs is true: it must be a value, not true or false.",
        ),
        ("[train]\nresume = 1\n", "[train] resume is 1: it must be true or false, without quotes."),
        ("[train]\nfold = 1\n", "[train] fold is 1: it must be a list."),
        ("[train]\nname = ['a']\n", '[train] name is ["a"]: it must be one value.'),
        ("train = 1\n", "busicli.toml: train must be a table: write [train]."),
        ("[train\n", "busicli.toml is not TOML: "),
    ],
)
def test_what_is_wrong_in_the_file_is_said_before_anything_is_done(call, tmp_path, text, said):
    (tmp_path / "busicli.toml").write_text(text)
    ended = call("segment-dir", "scans", "out")
    assert ended.status == 2
    assert said in ended.err
    assert not (tmp_path / "out").exists()


def test_the_template_holds_every_option_and_is_taken_as_it_is(call, tmp_path):
    template = call("settings").out
    lines = [line.removeprefix("# ") for line in template.splitlines()]
    values = [line for line in lines if line.startswith("[") or (" = " in line)]
    said = tomllib.loads("\n".join(values))
    assert said["segment-dir"]["max-pixels"] == 50_000_000
    for names, command in LEAVES:
        for param in command.params:
            if param.param_type_name == "option" and param.name != "settings_file":
                assert f"# {param.opts[0].lstrip('-')} =" in template, (names, param.name)
    (tmp_path / "own.toml").write_text("\n".join(values))
    assert call("--settings", "own.toml", "models", "list").status == 0


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("[segment-dir]\nplugin = ['own.py']\n", "plugin"),
        ("[segment-dir]\nweights = './theirs'\n", "weights"),
        ("[show]\nweights-sha256 = '00'\n", "weights-sha256"),
        ("[segment-dir]\ncluster = 'tcp://theirs:8786'\n", "cluster"),
        ("[segment-dir]\nworker-memory = '1GB'\n", "worker-memory"),
        ("[segment-dir]\nkeep-identifiers = true\n", "keep-identifiers"),
        ("[train]\ninit = './theirs'\n", "init"),
        ("[eval]\nruns = 'theirs'\n", "runs"),
        ("[models.list]\nplugin = ['own.py']\n", "plugin"),
        ("[show]\nout = '../x.png'\n", "out"),
        ("[eval]\nout = '../x'\n", "out"),
        ("[preprocess]\nout = '../x'\n", "out"),
        ("[segment-dir]\nprune = true\n", "prune"),
    ],
)
def test_only_a_file_that_is_named_sets_what_is_trusted(call, scans, tmp_path, text, option):
    (tmp_path / "own.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    (tmp_path / "busicli.toml").write_text(text)
    ended = call("segment-dir", scans, "out")
    assert ended.status == 2
    assert f"busicli.toml sets {option}, which only a file that you name may set" in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["busicli.toml", "own.py"]
    call("--settings", "busicli.toml", "models", "list")
    assert (tmp_path / "ran").exists() is ("models.list" in text)


@pytest.mark.parametrize(
    "line",
    [
        ("segment-dir", ".", "/nowhere/out"),
        ("segment-dir", "..", "/nowhere/out"),
        ("segment-dir", "scans", "."),
        ("preprocess", "."),
        ("report", "."),
        ("merge", ".."),
    ],
)
def test_settings_among_scans_or_results_are_refused(call, tmp_path, line):
    (tmp_path / "busicli.toml").write_text("quiet = true\n")
    ended = call(*line)
    assert ended.status == 2
    assert "busicli.toml lies in " in ended.err
    assert "may not set options; move it, or name it: --settings busicli.toml" in ended.err
    if ".." not in line:  # which holds whatever other tests leave
        assert "lies in" not in call("--settings", "busicli.toml", *line).err


@pytest.mark.parametrize("named", [(), ("--settings", "busicli.toml")])
def test_a_settings_file_of_any_size_is_refused_without_being_read(call, tmp_path, named):
    with (tmp_path / "busicli.toml").open("wb") as file:
        file.truncate(2**40)
    ended = call(*named, "models", "list")
    assert ended.status == 2
    assert "busicli.toml is larger than 100 kB, which settings are not; name a file" in ended.err


def test_settings_that_others_may_write_are_refused(call, tmp_path):
    file = tmp_path / "busicli.toml"
    file.write_text("quiet = true\n")
    assert call("models", "list").status == 0
    file.chmod(0o666)
    ended = call("models", "list")
    assert ended.status == 2
    assert "busicli.toml may be written by other users; check it" in ended.err
    assert call("--settings", "busicli.toml", "models", "list").status == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_settings_of_another_user_are_refused(call, tmp_path):
    file = tmp_path / "busicli.toml"
    file.write_text("quiet = true\n")
    os.chown(file, 12345, 12345)
    assert "busicli.toml belongs to another user; check it" in call("models", "list").err


def test_eval_of_masks_is_not_disturbed_by_settings_for_other_kinds(call, tmp_path):
    (tmp_path / "busicli.toml").write_text("[eval]\ntta = true\n")
    ended = call("eval", "--predictions", "a", "--reference", "b")
    assert ended.status == 1  # there are no such folders
    assert "--tta" not in ended.err


@pytest.mark.parametrize(
    "switch", [["-q"], ["--verbose"], ["--debug"], ["--settings", "/dev/null"]], ids=str
)
def test_eval_of_masks_takes_what_every_command_takes(call, switch):
    ended = call("eval", "--predictions", "a", "--reference", "b", *switch)
    assert (ended.status, "does not go with" in ended.err) == (1, False)
