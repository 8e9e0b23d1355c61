import json
import signal
import subprocess
import sys

import pytest

from tests.cli.made_plugins import GOOD, table


@pytest.fixture
def installed(tmp_path, monkeypatch, plugin):
    """Install a package with one plugin, as pip would: a module, and metadata beside it."""

    def install(name: str, code: str = GOOD, package: str = "strangers") -> None:
        module = f"{package}_plugin"
        plugin(f"{module}.py", name, code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[busicli.models]\n{name} = {module}:ARCHITECTURE\n"
        )
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_the_list_names_every_model_with_its_summary(call):
    ended = call("models", "list")
    rows = table(ended.out)
    assert ended.status == 0
    assert set(rows) == {"improved-unet", "unet"}
    listed = json.loads(call("models", "list", "--json").out)
    assert [row["name"] for row in listed] == ["improved-unet", "unet"]
    assert all(row["summary"] and row["origin"].startswith("busicli: ") for row in listed)


def test_listing_imports_no_framework():
    script = (
        "import sys; from busicli.cli.app import main\n"
        "sys.argv = ['busicli', 'models', 'list']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert shown.stdout.decode().splitlines()[-1] == "[]"


def test_show_tells_size_and_cost(call):
    unet = json.loads(call("models", "show", "unet", "--json").out)
    ours = json.loads(call("models", "show", "improved-unet", "--json").out)
    assert unet["input"] == ours["input"] == "256 x 256 x 3"
    # five levels of two 3 x 3 convolutions from 64 filters on: about 31 million parameters, as
    # Ronneberger et al. (2015) count them
    assert 30e6 < unet["parameters"] < 36e6
    assert ours["gflop_a_scan"] * 20 <= unet["gflop_a_scan"]
    assert set(ours["options"]) == {"encoder", "widths", "dropout", "class_head"}
    shown = table(call("models", "show", "unet").out)
    assert shown["parameters"] == [f"{unet['parameters']:,}"]
    assert shown["summary"] == [unet["summary"]]


def test_show_counts_the_network_of_a_size_of_options_or_of_weights(call, study):
    small = ("models", "show", "unet", "--model-option", "filters=4", "--size", 64, "--json")
    shown = json.loads(call(*small).out)
    assert (shown["input"], shown["options"]["filters"]) == ("64 x 64 x 3", 4)
    # convolutions do a quarter of the work at half of the rows and columns
    half = json.loads(call(*small[:-2], 32, "--json").out)
    assert half["gflop_a_scan"] == pytest.approx(shown["gflop_a_scan"] / 4, abs=0.001)
    card = json.loads((study.weights / "card.json").read_text())
    of_weights = json.loads(call("models", "show", "--weights", study.run, "--json").out)
    assert (of_weights["name"], of_weights["input"]) == (card["architecture"], "64 x 64 x 3")
    assert of_weights["options"] == card["options"]
    other = call("models", "show", "improved-unet", "--weights", study.weights)
    assert other.status == 1
    assert f"are of the model {card['architecture']}, not improved-unet" in other.err
    assert call("models", "show").status == 2


def test_a_plugin_file_is_listed_shown_and_trained(call, prepared, plugin, tmp_path):
    file = plugin("mine.py")
    listed = json.loads(call("models", "list", "--json", "--plugin", file).out)
    assert {"name": "two-layers", "summary": "Two layers.", "origin": str(file)} in listed
    shown = json.loads(call("models", "show", "two-layers", "--json", "--plugin", file).out)
    # 3 x 3 x 3 x 4 + 4 weights and biases, then 4 + 1
    assert shown["parameters"] == 117
    trained = call(
        *("train", "--model", "two-layers", "--plugin", file, "--data", prepared.data),
        *("--epochs", 1, "--name", "mine", "--model-option", "filters=2"),
    )
    assert trained.status == 0
    card = json.loads((tmp_path / "runs" / "mine" / "weights" / "card.json").read_text())
    assert (card["architecture"], card["options"]) == ("two-layers", {"filters": 2})
    scored = call("eval", "--data", prepared.data, "--plugin", file, "--json")
    assert json.loads(scored.out)["weights"]["name"] == "runs/mine/weights"
    without = call("eval", "--data", prepared.data)
    assert without.status == 1
    assert "there is no model two-layers" in without.err


def test_a_plugin_of_another_package_takes_the_same_road(call, installed):
    installed("two-layers")
    listed = json.loads(call("models", "list", "--json").out)
    (row,) = (row for row in listed if row["name"] == "two-layers")
    assert row["origin"] == "strangers: strangers_plugin:ARCHITECTURE"
    assert json.loads(call("models", "show", "two-layers", "--json").out)["parameters"] == 117


@pytest.mark.parametrize(
    ("package", "code", "reason"),
    [
        ("unmet", "import no_such_module", "No module named 'no_such_module'"),
        ("misspelt", "def broken(:", "SyntaxError"),
        ("leaving", "raise SystemExit(0)", "SystemExit"),
        ("wordy", "ARCHITECTURE = 'a string'", "is a str"),
        ("blank", "", "no attribute 'ARCHITECTURE'"),
    ],
)
def test_a_broken_package_is_shown_and_breaks_nothing_else(call, installed, package, code, reason):
    installed("shaky", code, package=package)
    ended = call("models", "list", "--json")
    assert ended.status == 0
    rows = {row["name"]: row["summary"] for row in json.loads(ended.out)}
    assert set(rows) == {"improved-unet", "shaky", "unet"}
    assert rows["shaky"].startswith("broken: ")
    assert reason in rows["shaky"]
    asked = call("models", "show", "shaky")
    assert asked.status == 1
    assert reason in asked.err
    assert asked.err.count("\n") == 1


def test_a_broken_file_is_shown_in_the_list(call, plugin):
    file = plugin("broken.py", code="1 / 0")
    ended = call("models", "list", "--json", "--plugin", file)
    assert ended.status == 0
    (row,) = (row for row in json.loads(ended.out) if row["origin"] == str(file))
    assert "ZeroDivisionError" in row["summary"]


STOPPED = """
import os
import signal


class Stop:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.{name})


class Made:
    stop = Stop()
"""


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 75), ("SIGINT", 130)])
def test_a_stop_while_a_class_is_made_is_a_stop(run, plugin, tmp_path, name, status):
    """What is raised there Python 3.11 wraps into an error of its own."""
    file = plugin("stopped.py", name, STOPPED)
    ended = run("models", "show", "stopped", "--plugin", file, cwd=tmp_path)
    assert ended.status == status, ended.err
    assert ended.err == (
        f"busicli: stopped by {'SIGTERM' if status == 75 else 'Ctrl-C'}; run the same command "
        "again to resume.\n"
    )


def test_a_stop_interrupts_also_where_ctrl_c_is_ignored(plugin, start, tmp_path):
    """As for a job that a script starts in the background."""
    file = plugin("stopped.py", "SIGINT", STOPPED)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start("models", "show", "stopped", "--plugin", file, cwd=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        process.communicate()
    assert process.returncode == 130


@pytest.mark.parametrize("code", ["x = 1", "import no_such_module"])
def test_a_file_that_is_no_plugin_is_refused_where_it_is_needed(call, plugin, code):
    ended = call("models", "show", "mine", "--plugin", plugin("mine.py", code=code))
    assert ended.status == 1
    assert "mine.py" in ended.err
    assert ended.err.count("\n") == 1
    assert (" (mine.py, line 1)" in ended.err) == (code != "x = 1")


def test_two_plugins_of_one_name_are_an_error_that_names_both(call, plugin):
    files = plugin("first.py"), plugin("second.py")
    options = ("--plugin", files[0], "--plugin", files[1])
    ended = call("models", "show", "two-layers", *options)
    assert ended.status == 1
    assert "two plugins are named two-layers" in ended.err
    assert all(str(file) in ended.err for file in files)
    taken = call("models", "show", "unet", "--plugin", plugin("third.py", "unet"))
    assert taken.status == 1
    assert "busicli.plugins.unet:ARCHITECTURE" in taken.err
    assert "third.py" in taken.err
