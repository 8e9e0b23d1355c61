"""busicli.toml, the switches that stand anywhere, and the help."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

from busicli.cli.app import app

DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


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
    lines = [re.sub(rf"^{DATE} ", "", line) for line in ended.err.splitlines()]
    assert all(lines[i] != line for i, line in enumerate(ended.err.splitlines()))  # all are dated
    assert lines[0].startswith("Weights improved-unet, engine ")
    assert lines[1].startswith("a.png: 1 lesion, confidence 0.")
    assert lines[2].startswith("b.png: failed: ")


def test_settings_are_named_on_either_side_of_the_command(call, tmp_path):
    (tmp_path / "own.toml").write_text("[models.list]\njson = true\n")
    for line in (
        ("--settings", "own.toml", "models", "list"),
        ("models", "list", "--settings", "own.toml"),
    ):
        assert json.loads(call(*line).out)


def test_a_wrong_settings_file_does_not_keep_the_right_names_from_being_shown(call, tmp_path):
    (tmp_path / "busicli.toml").write_text("[segment-dir]\noverlay = no\n")
    assert call("models", "list").status == 2
    assert "[segment-dir]" in call("settings").out


def test_opposites_are_refused(call):
    assert call("-q", "-v", "models", "list").status == 2


@pytest.mark.parametrize("line", [("-q", "models", "list"), ("models", "list", "--quiet")])
def test_quiet_silences_every_command_but_the_text_of_a_file(call, line):
    ended = call(*line)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert "[segment-dir]" in call("-q", "settings").out
    assert json.loads(call(*line, "--json").out)


def test_a_settings_file_can_be_quiet_for_all_or_verbose_for_one(call, run, scans, tmp_path):
    (tmp_path / "busicli.toml").write_text("quiet = true\n[segment-dir]\nverbose = true\n")
    assert call("models", "list").out == ""
    first = tmp_path / "first"
    first.mkdir()
    (first / "a.png").symlink_to(scans / "benign" / "phantom-03.png")
    assert call("segment-dir", "first", "out").err == ""  # quiet, of both
    assert "a.png: 1 lesion" in run("segment-dir", "first", "o", "--verbose", cwd=tmp_path).err
    (tmp_path / "busicli.toml").write_text("quiet = 1\n")
    assert "quiet is 1; it must be true or false." in call("models", "list").err


def test_debug_changes_no_exit_status(call):
    ended = call("--debug", "eval", "--fold", "1")
    assert ended.status == 2
    assert "Traceback" in ended.err
    assert ended.err.endswith("busicli: --fold needs --folds, how many there are.\n")


def test_what_the_system_does_not_allow_is_no_error_of_the_program(call):
    ended = call("models", "new", "x", "--out", "/proc/nowhere")
    assert ended.status == 1
    assert ended.err == (
        "busicli: /proc/nowhere: No such file or directory; free disk space, or correct the path "
        "or its permissions.\n"
    )


def test_after_two_dashes_a_switch_is_a_name(call, tmp_path):
    ended = call("segment-dir", "--", "-q", "out")
    assert "there is no folder -q" in ended.err


def shown(command) -> list[str]:
    lines = (command.epilog or "").splitlines()
    return [line.strip() for line in lines if line.startswith("  ")]


def test_commands_that_work_show_examples():
    assert {names[0] for names, command in LEAVES if shown(command)} == {
        *("segment-dir", "report", "show", "merge", "preprocess", "train", "eval", "settings"),
        "review",
    }


@pytest.mark.parametrize("command", [one for _, one in LEAVES], ids=lambda one: one.name)
def test_examples_in_the_help_are_of_the_command(command):
    for line in shown(command):
        words = shlex.split(line.split("| ")[-1].split(" > ")[0])[1:]
        named = command_tree().commands[words[0]]
        named.make_context(words[0], words[1:])  # raises for an option that is none


def test_help_lists_commands_and_options_by_purpose(call):
    out = call("--help").out
    panels = ("╭─ Segment scans ", "segment-dir ", "╭─ Train and evaluate models ", "Examples:")
    assert [out.index(panel) for panel in panels] == sorted(out.index(panel) for panel in panels)
    out = call("segment-dir", "--help").out
    assert out.index("╭─ Broken scans ") < out.index("--timeout") < out.index("Examples:")
    assert "\n busicli segment-dir scans out --dry-run\n" in re.sub(" +\n", "\n", out)


def test_help_loads_nothing_slow():
    script = (
        "import sys; from busicli.cli.app import main\n"
        "sys.argv = ['busicli', 'train', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'keras', 'numpy', 'tqdm', 'scipy', 'PIL'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert shown.stdout.decode().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("train", "--epochs", "0"), "--epochs"),
        (("train", "--epoch", "3"), "--epochs"),
        (("segment-dir", "scans"), "OUT"),
        (("segment-dirs",), "segment-dir"),
    ],
)
def test_typer_reports_wrong_usage_and_the_status_is_2(call, words, named):
    ended = call(*words)
    assert (ended.status, ended.out) == (2, "")
    assert "Usage: busicli" in ended.err
    assert named in ended.err


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["busicli", "se"], ["segment-dir", "settings"]),
        (["busicli", "segment-dir", "--engine", "o"], ["openvino"]),
        (["busicli", "preprocess", "--as"], ["--aspect"]),
        (["busicli", "segment-dir", "--weights", "impr"], ["improved-unet"]),
        (["busicli", "train", "--init", "ran"], ["random"]),
        (["busicli", "train", "--model", "un"], ["unet"]),
        (["busicli", "models", "show", "imp"], ["improved-unet"]),
        (["busicli", "train", "--model", "unet", "--model-option", "f"], ["filters="]),
        (["busicli", "train", "--set", "augmentation.gam"], ["augmentation.gamma="]),
        (["busicli", "train", "--set", "dice"], ["dice_weight="]),
    ],
)
def test_shells_complete_commands_options_and_values(words, completed):
    environment = os.environ | {
        "_BUSICLI_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    script = (
        "import atexit, sys; from busicli.cli.app import app\n"
        "loaded = lambda: print({'keras', 'tensorflow'} & set(sys.modules), file=sys.stderr)\n"
        "atexit.register(loaded)\n"
        "app(prog_name='busicli')"
    )
    program = [sys.executable, "-c", script]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert ended.stdout.split() == completed
    assert ended.stderr == "set()\n"  # no framework was imported


def test_a_switch_of_the_file_is_undone_on_the_line(call, scans, tmp_path):
    (tmp_path / "busicli.toml").write_text(
        "[segment-dir]\njson = true\nsave-probabilities = true\n"
    )
    common = ("segment-dir", scans / "benign")
    assert call(*common, "out").out.startswith("{")
    assert (tmp_path / "out" / "probabilities").is_dir()
    assert not call(*common, "other", "--no-json", "--no-save-probabilities").out.startswith("{")
    assert not (tmp_path / "other" / "probabilities").exists()
