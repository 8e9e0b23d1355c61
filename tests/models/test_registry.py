import os
import subprocess
import sys
from pathlib import Path

import pytest

from busicli.errors import InputError
from busicli.io.files import sha256_file
from busicli.models.architecture import Architecture
from busicli.models.model_info import model_list
from busicli.models.registry import find, from_files, installed, plugin_hashes

GOOD = """
from busicli.models.architecture import Architecture

def build(input_shape, *, width=4):
    from keras import Input, Model, layers
    scan = Input(input_shape)
    return Model(scan, layers.Conv2D(1, 1, activation="sigmoid")(scan), name="NAME")

ARCHITECTURE = Architecture(
    name="NAME", summary="One layer.", source="a test", build=build, options={"width": 4}
)
"""
BROKEN = {
    "import error": "import a_package_that_nobody_has",
    "syntax error": "def build(:",
    "exit": "import sys; sys.exit(3)",
    "no declaration": "x = 1",
    "another object": "ARCHITECTURE = 'unet'",
}


def write_plugin(folder: Path, name: str, code: str = GOOD) -> Path:
    file = folder / f"{name.replace('-', '_')}.py"
    file.write_text(code.replace("NAME", name))
    return file


def install(folder: Path, package: str, entry: str, code: str = GOOD) -> None:
    """A distribution as an installer leaves it: a module, and metadata that name its plugin."""
    module = package.replace("-", "_")
    write_plugin(folder, module, code).write_text(code.replace("NAME", entry))
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[busicli.models]\n{entry} = {module}:ARCHITECTURE\n")


def test_what_ships_is_registered_as_any_other_package_does():
    origins = {plugin.name: plugin.origin for plugin in installed()}
    assert origins["unet"] == "busicli: busicli.plugins.unet:ARCHITECTURE"
    assert origins["improved-unet"] == "busicli: busicli.plugins.improved_unet:ARCHITECTURE"


def test_each_plugin_is_listed_once():
    positions = [(plugin.name, plugin.origin) for plugin in installed()]
    assert len(positions) == len(set(positions))


def test_another_package_registers_by_entry_point(tmp_path, monkeypatch):
    install(tmp_path, "other-lab", "tiny-net")
    monkeypatch.syspath_prepend(tmp_path)
    assert find("tiny-net").summary == "One layer."
    row = next(row for row in model_list() if row["name"] == "tiny-net")
    assert row == {
        "name": "tiny-net",
        "summary": "One layer.",
        "origin": "other-lab: other_lab:ARCHITECTURE",
    }


def test_a_single_file_is_found_by_the_name_it_declares(tmp_path):
    file = write_plugin(tmp_path, "my-net")
    found = find("my-net", [file])
    assert isinstance(found, Architecture)
    assert found.checked_options({"width": 8}) == {"width": 8}
    (plugin,) = from_files([file])
    assert (plugin.name, plugin.origin) == ("my-net", str(file))


def test_two_files_of_one_stem_are_two_plugins(tmp_path):
    for folder, name in (("a", "first"), ("b", "second")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.py").write_text(GOOD.replace("NAME", name))
    files = [tmp_path / "a" / "net.py", tmp_path / "b" / "net.py"]
    assert [find(name, files).name for name in ("first", "second")] == ["first", "second"]
    assert plugin_hashes(None, files) == {
        "net.py": sha256_file(files[0]),
        "net.py (2)": sha256_file(files[1]),
    }


def test_a_changed_file_runs_as_it_is_though_its_size_and_time_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = write_plugin(tmp_path, "first")
    assert find("first", [file]).name == "first"
    before = file.stat()
    file.write_text(GOOD.replace("NAME", "other"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find("other", [file]).name == "other"


def test_an_unknown_name_says_which_are_known(tmp_path):
    file = write_plugin(tmp_path, "my-net")
    with pytest.raises(InputError, match=r"no model u-net; known are: .*my-net.*unet.*--plugin"):
        find("u-net", [file])


def test_a_file_of_a_name_that_is_taken_is_an_error_that_names_both(tmp_path):
    file = write_plugin(tmp_path, "unet")
    with pytest.raises(InputError) as caught:
        find("unet", [file])
    assert "busicli: busicli.plugins.unet:ARCHITECTURE" in str(caught.value)
    assert str(file) in str(caught.value)
    assert find("improved-unet", [file]).name == "improved-unet"


def test_two_packages_of_one_name_are_an_error_that_names_both(tmp_path, monkeypatch):
    install(tmp_path, "lab-a", "same-net")
    install(tmp_path, "lab-b", "same-net")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"two plugins are named same-net: .*lab-a.* and .*lab-b"):
        find("same-net")
    assert [row["name"] for row in model_list()].count("same-net") == 2


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_package_breaks_only_itself_and_the_listing_says_why(tmp_path, monkeypatch, kind):
    module = f"broken_{kind.replace(' ', '_')}"
    install(tmp_path, module, "broken-net", BROKEN[kind])
    monkeypatch.syspath_prepend(tmp_path)
    summaries = {row["name"]: row["summary"] for row in model_list()}
    assert summaries["broken-net"].startswith("broken: the plugin broken-net")
    assert "U-Net" in summaries["unet"]
    assert find("unet").name == "unet"
    with pytest.raises(InputError, match="broken-net"):
        find("broken-net")


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_breaks_only_itself_and_the_listing_says_why(tmp_path, kind):
    file = write_plugin(tmp_path, "mine", BROKEN[kind])
    summaries = {row["name"]: row["summary"] for row in model_list((file,))}
    assert summaries["mine.py"].startswith("broken: ")
    assert find("unet", [file]).name == "unet"
    # whoever asks for the name that it would have had learns what is wrong with it
    with pytest.raises(InputError, match=r"mine\.py") as caught:
        find("my-net", [file])
    assert "no model" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"), [("gone.py", "there is no plugin file"), ("net.txt", "must end in .py")]
)
def test_what_is_no_python_file_is_refused(tmp_path, name, reason):
    (tmp_path / "net.txt").write_text(GOOD)
    with pytest.raises(InputError, match=reason):
        find("my-net", [tmp_path / name])


def test_an_option_that_a_model_does_not_have_is_refused(tmp_path):
    model = find("my-net", [write_plugin(tmp_path, "my-net")])
    with pytest.raises(InputError, match="my-net has no option depth; it has: width"):
        model.checked_options({"depth": 1})


def test_a_size_that_a_model_cannot_take_is_refused():
    find("unet").check_size(48)
    with pytest.raises(InputError, match=r"40 x 40 px but .* unet needs multiples of 16"):
        find("unet").check_size(40)


def test_a_listing_imports_no_framework(tmp_path):
    file = write_plugin(tmp_path, "my-net")
    code = (
        "import sys; from pathlib import Path\n"
        "from busicli.models.model_info import model_list\n"
        "rows = model_list((Path(sys.argv[1]),))\n"
        "assert {'unet', 'improved-unet', 'my-net'} <= {row['name'] for row in rows}\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"


def test_asking_for_a_name_imports_that_plugin_only():
    code = (
        "import sys; from busicli.models.registry import find; find('unet')\n"
        "print(sorted(name for name in sys.modules if name.startswith('busicli.plugins.')))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "['busicli.plugins.unet']\n"
