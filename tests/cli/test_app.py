import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.cli.commands import LEAVES, command_tree


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
