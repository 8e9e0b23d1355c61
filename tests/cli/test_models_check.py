import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.made_plugins import GOOD, table


def test_check_shows_what_was_seen_and_fails_with_the_plugin(call, plugin):
    file = plugin("mine.py")
    ended = call("models", "check", "two-layers", "--plugin", file, "--model-option", "filters=2")
    rows = table(ended.out)
    assert ended.status == 1
    assert rows["output"][0] == "passed"
    assert rows["half precision"][0] == "failed"
    assert "its output is bfloat16; it must be float32" in rows["half precision"][1]
    last = ended.err.splitlines()[-1]
    assert "the model two-layers fails 1 of 18 checks: half precision; fix its plugin" in last


def test_check_passes_with_a_sound_plugin(call, plugin):
    code = GOOD.replace('"sigmoid")', '"sigmoid", dtype="float32")')
    ended = call(
        "models", "check", "two-layers", "--plugin", plugin("mine.py", code=code), "--json"
    )
    assert (ended.status, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert {"name", "passed", "detail", "seconds"} == set(found[0])
    assert [row for row in found if row["passed"] is False] == []
    (alone,) = (row["detail"] for row in found if row["name"] == "class output")
    assert alone == "no class output"


def test_check_refuses_what_it_does_not_know(call, plugin):
    unknown = call("models", "check", "two-layers")
    assert unknown.status == 1
    assert unknown.err.startswith("busicli: there is no model two-layers")  # before any progress
    options = ("--plugin", plugin("mine.py"), "--model-option")
    option = call("models", "check", "two-layers", *options, "width=2")
    assert option.status == 1
    assert "has no option width; it has: filters" in option.err
    assert call("models", "check", "two-layers", *options, "filters").status == 2


def test_check_names_the_placeholders_of_a_new_plugin(call):
    call("models", "new", "my-net")
    ended = call("models", "check", "my-net", "--plugin", "my-net/my_net.py")
    assert (ended.status, "Decide" in Path("my-net/my_net.py").read_text()) == (0, True)
    assert ended.out.endswith(
        "Still the template's text: summary, source. Write your own before you publish.\n"
    )


def test_an_author_begins_a_plugin_installs_it_and_its_tests_pass(call, tmp_path):
    started = call("models", "new", "my-net")
    assert started.status == 0
    folder, target = tmp_path / "my-net", tmp_path / "installed"
    files = {path.name for path in folder.iterdir()}
    assert files == {"my_net.py", "test_my_net.py", "pyproject.toml"}
    assert "Written to my-net: my_net.py, test_my_net.py, pyproject.toml" in started.out
    assert "busicli models check my-net --plugin my-net/my_net.py" in started.out
    pip = ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", target)
    for arguments in ((*pip, folder), ("ruff", "check", "--isolated", "--line-length=100", folder)):
        subprocess.run([sys.executable, "-m", *arguments], check=True)
    path = {**os.environ, "PYTHONPATH": str(target)}
    listed = subprocess.run(
        [sys.executable, "-m", "busicli", "models", "list", "--json"],
        env=path,
        capture_output=True,
        check=True,
    )
    origins = {row["name"]: row["origin"] for row in json.loads(listed.stdout)}
    assert origins["my-net"] == "busicli-my-net: my_net:ARCHITECTURE"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert " passed" in tested.stdout.splitlines()[-1]
    assert "warning" not in tested.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("My_Net", "My_Net cannot name a model; use words of lower-case letters"),
        ("2net", "2net cannot name a model"),
        ("unet", "there is a model unet (busicli: busicli.plugins.unet:ARCHITECTURE)"),
        ("numpy", "numpy is a module or keyword of Python"),
        ("class", "class is a module or keyword of Python"),
    ],
)
def test_a_name_that_cannot_be_or_is_taken_is_refused(call, tmp_path, name, reason):
    ended = call("models", "new", name)
    assert ended.status == 1
    assert reason in ended.err
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_anything_is_left_alone(call, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for out in ("taken", "file"):
        ended = call("models", "new", "my-net", "--out", out)
        assert ended.status == 1
        assert f"{out} exists and is not empty; name another folder with --out." in ended.err
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    assert call("models", "new", "my-net", "--out", "empty").status == 0
    assert (tmp_path / "empty" / "my_net.py").is_file()
