"""busicli.toml, the switches that stand anywhere, and the help."""

import json
import os
import shlex
import subprocess
import sys
import tomllib

import pytest

from busicli.cli.app import app


def command_tree():
    from typer.main import get_command

    return get_command(app)


def leaves(command, names=()):
    below = getattr(command, "commands", None)
    if below is None:
        return [(names, command)]
    return [leaf for name, one in below.items() for leaf in leaves(one, (*names, name))]


LEAVES = leaves(command_tree())


def test_the_file_says_what_the_command_line_does_not(call, scans, tmp_path):
    (tmp_path / "busicli.toml").write_text("[segment-dir]\noverlays = false\njobs = 1\n")
    ended = call("segment-dir", scans / "benign", "out")
    assert ended.status == 0, ended.err
    assert ended.err.startswith("Settings of busicli.toml.\n")
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
    options = [*training[2:-4], "--data", prepared.data, "--name", "x"]
    ended = call("train", *options)
    assert ended.status == 0, ended.err
    settings = json.loads((tmp_path / "runs/x/run.json").read_text())["settings"]
    assert (settings["epochs"], settings["augmentation"]["gamma"]) == (1, 0.125)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[segment-dr]\n", "busicli.toml: [segment-dr] is no command; did you mean segment-dir?"),
        ("[models.lst]\n", "[models.lst] is no command; did you mean list?"),
        ("[train]\nepoch = 3\n", "[train] has no option epoch; did you mean epochs?"),
        ("[train]\nepochs = 0\n", "[train] epochs is 0; it must be at least 1."),
        ('[train]\nepochs = "x"\n', '[train] epochs is "x"; it must be a whole number.'),
        ('[train]\ntrain-on = "some"\n', '[train] train-on is "some"; it must be train or all.'),
        ("[train]\nepochs = true\n", "[train] epochs is true; it must be no true or false."),
        ("[train]\nresume = 1\n", "[train] resume is 1; it must be true or false, without quotes."),
        ("[train]\nfold = 1\n", "[train] fold is 1; it must be a list."),
        ("[train]\nname = ['a']\n", '[train] name is ["a"]; it must be one value.'),
        ("train = 1\n", "busicli.toml: train must be a table, as [train]."),
        ("[train\n", "busicli.toml is no TOML: "),
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
    assert said["segment-dir"]["max-pixels"] == 100_000_000
    for names, command in LEAVES:
        for param in command.params:
            if param.param_type_name == "option":
                assert f"# {param.opts[0].lstrip('-')} =" in template, (names, param.name)
    (tmp_path / "busicli.toml").write_text("\n".join(values))
    assert call("models", "list").status == 0


def test_eval_of_masks_is_not_disturbed_by_settings_for_other_kinds(call, tmp_path):
    (tmp_path / "busicli.toml").write_text("[eval]\ntta = true\n")
    ended = call("eval", "--predictions", "a", "--reference", "b")
    assert ended.status == 1  # there are no such folders
    assert "--tta" not in ended.err


@pytest.mark.parametrize("switch", ["--quiet", "-q"])
def test_quiet_leaves_errors_and_json(call, scans, tmp_path, switch):
    ended = call("segment-dir", scans / "benign", "out", switch)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    ended = call("segment-dir", switch, "--json", scans / "benign", "out")
    assert {json.loads(line)["status"] for line in ended.out.splitlines()} == {"ok", "skipped"}
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "torn.png").write_bytes(b"torn")
    ended = call("segment-dir", switch, "bad", "failed")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.startswith("busicli: 1 scan failed, first torn.png: is not a scan; ")
    ended = call("segment-dir", switch, "nowhere", "out")
    assert ended.status == 1
    assert "there is no folder nowhere" in ended.err


def test_verbose_says_what_became_of_each_scan(run, scans, tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    (source / "a.png").symlink_to(scans / "benign" / "phantom-03.png")
    (source / "b.png").write_bytes(b"")
    ended = run("segment-dir", source, "out", "--verbose", cwd=tmp_path)
    assert ended.status == 3
    lines = ended.err.splitlines()
    assert lines[0].startswith("Weights improved-unet, engine ")
    assert lines[1].startswith("a.png: 1 lesion, confidence 0.")
    assert lines[2].startswith("b.png: failed: ")


def test_settings_are_named_on_either_side_of_the_command(call, tmp_path):
    (tmp_path / "own.toml").write_text("[models.list]\njson = true\n")
    for line in (
        ("--settings", "own.toml", "models", "list"),
        ("models", "list", "--settings", "own.toml"),
        ("models", "--settings=own.toml", "list"),
    ):
        assert json.loads(call(*line).out)


def test_a_wrong_settings_file_does_not_keep_the_right_names_from_being_shown(call, tmp_path):
    (tmp_path / "busicli.toml").write_text("[segment-dir]\noverlay = no\n")
    assert call("models", "list").status == 2
    assert "[segment-dir]" in call("settings").out


def test_opposites_are_refused(call):
    assert call("-q", "-v", "models", "list").status == 2


def test_what_only_prints_is_not_silenced(call):
    assert "[segment-dir]" in call("-q", "settings").out
    assert "unet" in call("-q", "models", "list").out


def test_debug_changes_no_exit_status(call):
    ended = call("--debug", "eval", "--fold", "1")
    assert ended.status == 2
    assert "Traceback" in ended.err
    assert ended.err.endswith("busicli: --fold needs --folds, how many there are.\n")


def test_what_the_system_does_not_allow_is_no_error_of_the_program(call):
    ended = call("models", "new", "x", "--out", "/proc/nowhere")
    assert ended.status == 1
    assert ended.err == (
        "busicli: /proc/nowhere: No such file or directory; make room, or correct or allow the "
        "path.\n"
    )


def test_after_two_dashes_a_switch_is_a_name(call, tmp_path):
    ended = call("segment-dir", "--", "-q", "out")
    assert "there is no folder -q" in ended.err


def shown(command) -> list[str]:
    lines = (command.epilog or "").splitlines()
    return [line.strip() for line in lines if line.startswith("    ")]


def test_commands_that_work_show_examples():
    assert {names[0] for names, command in LEAVES if shown(command)} == {
        *("segment-dir", "report", "show", "merge", "preprocess", "train", "eval", "settings"),
    }


@pytest.mark.parametrize("command", [one for _, one in LEAVES], ids=lambda one: one.name)
def test_examples_in_the_help_are_of_the_command(command):
    for line in shown(command):
        words = shlex.split(line.split("| ")[-1].split(" > ")[0])[1:]
        named = command_tree().commands[words[0]]
        named.make_context(words[0], words[1:])  # raises for an option that is none


def test_help_lists_commands_and_options_by_purpose(call):
    out = call("--help").out
    assert out.index("Segment scans:") < out.index("segment-dir") < out.index("Make and compare")
    assert "..." not in out.split("COMMAND [ARGS]...")[1]
    out = call("segment-dir", "--help").out
    assert out.index("When scans are broken:") < out.index("--timeout") < out.index("Examples:")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["busicli", "se"], ["segment-dir", "settings"]),
        (["busicli", "segment-dir", "--engine", "o"], ["openvino"]),
        (["busicli", "preprocess", "--as"], ["--aspect"]),
    ],
)
def test_shells_complete_commands_options_and_values(words, completed):
    environment = os.environ | {
        "_BUSICLI_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    program = [sys.executable, "-c", "from busicli.cli.app import app; app(prog_name='busicli')"]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert ended.stdout.split() == completed


def test_a_switch_of_the_file_is_undone_on_the_line(call, scans, tmp_path):
    (tmp_path / "busicli.toml").write_text(
        "[segment-dir]\njson = true\nsave-probabilities = true\n"
    )
    common = ("segment-dir", scans / "benign")
    assert call(*common, "out").out.startswith("{")
    assert (tmp_path / "out" / "probabilities").is_dir()
    assert not call(*common, "other", "--no-json", "--no-save-probabilities").out.startswith("{")
    assert not (tmp_path / "other" / "probabilities").exists()
