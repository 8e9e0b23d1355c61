"""Each check of a plugin catches what it is there for, and lets a sound plugin pass."""

import subprocess
import sys

import pytest

from busicli.errors import InputError
from busicli.testing import (
    CHECKS,
    ArchitectureContract,
    Candidate,
    CheckError,
    backends,
    check_architecture,
    title,
)
from tests.testing.made_plugins import BY_NAME, CLASSES, TWO


def test_a_sound_plugin_passes_every_check_that_can_be_tried(plugin):
    file = plugin(
        "return Model(scan, x, ",
        f'{CLASSES}c = layers.Dense(3, "softmax", dtype="float32", name="class")(c){TWO}',
    )
    found = list(check_architecture(file))
    assert [result.name for result in found] == [title(check) for check in CHECKS]
    assert [result for result in found if result.passed is False] == []
    assert all(result.seconds >= 0 for result in found)
    tried = {result.name: result.detail for result in found if result.passed}
    # 3 x 3 x 3 x 4 + 4 weights and biases, 4 + 1, 3 + 3; 2 x (108 + 4) operations a pixel and 6
    assert tried["cost"] == "123 parameters, 0.01 GFLOP per scan of 256 x 256 px"
    assert tried["sizes"] == "33, 34, 128, 256 px"
    assert tried["class output"] == "probabilities of normal, benign and malignant"
    assert tried["gradients"] == "all 6 weights get one"  # of the class head too


def test_options_make_the_network_smaller_and_its_cost_is_counted_with_its_own(plugin):
    candidate = Candidate.of(plugin(), options={"filters": 2})
    assert candidate.network.count_params() == 3 * 3 * 3 * 2 + 2 + 2 + 1
    assert BY_NAME["cost"](candidate).startswith("117 parameters")
    with pytest.raises(InputError, match="the model net has no option width"):
        Candidate.of(plugin(), options={"width": 2})


def test_a_network_that_does_not_build_is_not_asked_more(plugin):
    file = plugin("scan = Input", "raise RuntimeError('no such luck')\n    scan = Input")
    found = {result.name: result for result in check_architecture(file)}
    assert [name for name, result in found.items() if result.passed] == [
        "declaration",
        "import cost",
    ]
    assert found["sizes"].passed is False
    line = file.read_text().splitlines().index("    raise RuntimeError('no such luck')") + 1
    assert found["sizes"].detail == (
        f"RuntimeError: no such luck (net.py, line {line}); busicli --debug models check shows the "
        "traceback."
    )
    assert found["learning"].passed is None
    assert found["learning"].detail == "not tried until it builds at every size."


def test_an_option_that_build_does_not_take_is_reported(plugin):
    file = plugin('{"filters": 4}', '{"filters": 4, "width": 3}')
    found = {result.name: result for result in check_architecture(file)}
    assert found["sizes"].passed is False
    assert "unexpected keyword argument 'width'" in found["sizes"].detail


def test_what_is_no_plugin_is_refused(tmp_path):
    # at once, before the first check is asked for
    with pytest.raises(InputError, match="there is no model net; known are"):
        check_architecture("net")
    with pytest.raises(InputError, match="there is no plugin file"):
        check_architecture(tmp_path / "net.py")


def test_a_name_is_looked_for_among_files_too(plugin):
    assert Candidate.of("net", [plugin()]).architecture.summary == "Two layers."


def test_a_subclass_has_a_test_a_check(plugin, monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)

    class TestNet(ArchitectureContract):
        architecture = plugin('activation="sigmoid", ', "")

    tests = {name for name in dir(TestNet) if name.startswith("test_")}
    assert tests == {f"test_{check.__name__}" for check in CHECKS}
    contract = TestNet()
    contract.test_declaration()
    with pytest.raises(CheckError, match="its output lies between"):
        contract.test_output()
    with pytest.raises(pytest.skip.Exception, match="torch is not installed"):
        contract.test_on_torch()


def test_an_authors_import_loads_no_framework():
    code = (
        "import sys; from busicli.testing import ArchitectureContract, check_architecture\n"
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'pytest'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert shown.stdout.decode().strip() == "[]"


def test_a_missing_import_is_reported_with_file_and_line(plugin):
    file = plugin("    import numpy as np\n", "    import numpy as np\n    import no_such_module\n")
    line = file.read_text().splitlines().index("    import no_such_module") + 1
    found = {result.name: result.detail for result in check_architecture(file)}
    assert found["sizes"].startswith(
        f"ModuleNotFoundError: No module named 'no_such_module' (net.py, line {line}); "
    )
