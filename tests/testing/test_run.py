"""Each check of a plugin catches what it is there for, and lets a sound plugin pass."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from busicli.errors import InputError
from busicli.testing import (
    CHECKS,
    ArchitectureContract,
    Candidate,
    CheckError,
    NotTriedError,
    backends,
    check_architecture,
    title,
)
from busicli.testing.backends import on_another

FIRST = 'x = layers.Conv2D(filters, 3, padding="same", activation="relu", name="first")(scan)'
LAST = 'x = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="last")(x)'
SOUND = f"""
from busicli.models.architecture import Architecture

builds = []

def build(input_shape, *, filters=4):
    import os
    import numpy as np
    from keras import Input, Model, layers, ops, random
    builds.append(1)
    scan = Input(input_shape, name="scan")
    {FIRST}
    {LAST}
    return Model(scan, x, name="net")

ARCHITECTURE = Architecture(
    name="net", summary="Two layers.", source="a test", build=build, options={{"filters": 4}}
)
"""
IN_TENSORFLOW = (
    "import tensorflow as tf\n"
    "    x = layers.Lambda(lambda t: {}, output_shape=lambda shape: shape)(x)"
)
CLASSES = "c = layers.GlobalAveragePooling2D()(x)\n    "
TWO = "\n    return Model(scan, [x, c], "
FAULTS = [
    ("declaration", 'name="net", s', 'name="My Net", s', "its name is 'My Net'; use words"),
    ("declaration", "Two layers.", r"Two\nlayers.", r"its summary is 'Two\\nlayers.'; write one"),
    ("declaration", '"a test"', '" "', "its source is empty; name the paper"),
    ("declaration", "build=build", "build=build, size_multiple=0", "its size_multiple is 0"),
    ("declaration", '{"filters": 4}', '{"filters": {4}}', "cannot be written into a card"),
    ("import_cost", "builds = []", "builds = []\nimport keras", "importing it loads keras, tensor"),
    ("sizes", "return Model(scan, x, name=", "return dict(name=", "build returned a dict; it must"),
    (
        "sizes",
        LAST,
        f"x = layers.UpSampling2D(2)(layers.MaxPooling2D(2)(x))\n    {LAST}",
        r"at 33 px it maps \(None, 33, 33, 3\) to \(None, 32, 32, 1\); .+ declare the size_mult",
    ),
    (
        "one_set_of_weights",
        LAST,
        "x = layers.Permute((1, 3, 2))(x)\n"
        '    x = layers.Dense(input_shape[1], name="places")(x)\n'
        f"    x = layers.Permute((1, 3, 2))(x)\n    {LAST}",
        r"places/kernel is \(33, 33\) at 33 px and \(256, 256\) at 256 px",
    ),
    ("half_precision", 'dtype="float32", ', "", "output is bfloat16; it must be float32"),
    ("output", "Conv2D(1, 1", "Conv2D(2, 1", r"is \(6, 33, 33, 2\); it must be \(6, 33, 33, 1\)"),
    ("output", 'dtype="float32"', 'dtype="float16"', "its output is float16; it must be float32"),
    ("output", 'activation="sigmoid", ', "", r"its output lies between .+ end with activation="),
    *(
        ("class_output", "return Model(scan, x, ", f"{CLASSES}{end}", sentence)
        for end, sentence in (
            (
                'c = layers.Dense(3, "sigmoid")(c)' + TWO,
                "its class probabilities add up to between",
            ),
            (
                'c = layers.Dense(2, "softmax")(c)' + TWO,
                r"\(6, 2\) float32; it must be \(6, 3\) fl",
            ),
            (
                'c = layers.Dense(3, "softmax", dtype="float16")(c)' + TWO,
                r"second output is .+ float16",
            ),
            (
                'c = layers.Dense(3, "softmax")(c)\n    return Model(scan, [x, c, c], ',
                "has 3 outputs",
            ),
        )
    ),
    (
        "finite",
        LAST,
        f"{LAST}\n    x = x + 0 * ops.log(ops.mean(scan, axis=(1, 2, 3), keepdims=True))",
        "its output for a scan of black holds NaN or infinity",
    ),
    ("depends_on_the_scan", LAST, f"x = x * 0\n    {LAST}", "is its input connected to its output"),
    (
        "alone_as_among_others",
        LAST,
        f"x = x - ops.mean(x, axis=0, keepdims=True)\n    {LAST}",
        "changes by up to .+ nothing may be averaged over the batch",
    ),
    (
        "alone_as_among_others",
        LAST,
        f"x = layers.Lambda(lambda t: t + random.normal(ops.shape(t)))(x)\n    {LAST}",
        "or drawn at random",
    ),
    (
        "saving",
        LAST,
        f"x = x * float(np.random.default_rng().random())\n    {LAST}",
        "filled with the same numbers, two networks differ by",
    ),
    ("saving", "builds.append(1)", "builds.append(1); filters += len(builds)", "cannot be filled"),
    (
        "export",
        LAST,
        f"{LAST}\n    "
        + IN_TENSORFLOW.format(
            "tf.ensure_shape(tf.numpy_function(np.tanh, [t], t.dtype), t.shape)"
        ),
        "its graph cannot be exported",
    ),
    (
        "export",
        LAST,
        f"{LAST}\n    " + IN_TENSORFLOW.format("t if tf.executing_eagerly() else t / 2"),
        "its exported graph differs from Keras by",
    ),
    (
        "learning",
        "return Model",
        "frozen = Model(scan, x)\n    frozen.trainable = False\n    return Model",
        "does the output depend on weights that are trained",
    ),
    ("learning", LAST, f"x = ops.sqrt(x)\n    {LAST}", "to NaN; look for divisions"),
    ("gradients", LAST, f"x = ops.sqrt(x)\n    {LAST}", "is NaN or infinite; look for divisions"),
    (
        "gradients",
        LAST,
        f'x = x + 0 * layers.Conv2D(filters, 1, name="idle")(x)\n    {LAST}',
        "2 of its weights get no gradient: idle/kernel, idle/bias; connect them",
    ),
    (
        "cost",
        f"{FIRST}\n    {LAST}",
        "x = ops.mean(scan, axis=3, keepdims=True)",
        "it has no convolution and no dense layer",
    ),
]
BY_NAME = {check.__name__: check for check in CHECKS}


@pytest.fixture
def plugin(tmp_path):
    """Write a plugin file: the sound one with a part of it replaced."""

    def write(old: str = "", new: str = "") -> Path:
        assert old in SOUND
        path = tmp_path / "net.py"
        path.write_text(SOUND.replace(old, new) if old else SOUND)
        return path

    return write


def test_a_sound_plugin_passes_every_check_that_can_be_tried(plugin):
    found = list(check_architecture(plugin()))
    assert [result.name for result in found] == [title(check) for check in CHECKS]
    assert [result for result in found if result.passed is False] == []
    tried = {result.name: result.detail for result in found if result.passed}
    # 3 x 3 x 3 x 4 + 4 weights and biases, then 4 + 1; 2 x (108 + 4) operations a pixel
    assert tried["cost"] == "117 parameters, 0.01 GFLOP per scan of 256 x 256 px"
    assert tried["sizes"] == "33, 34, 128, 256 px"
    assert all(result.seconds >= 0 for result in found)


def test_a_sound_plugin_with_classes_passes_too(plugin):
    file = plugin(
        "return Model(scan, x, ",
        f'{CLASSES}c = layers.Dense(3, "softmax", dtype="float32", name="class")(c){TWO}',
    )
    found = list(check_architecture(file))
    assert [result for result in found if result.passed is False] == []
    tried = {result.name: result.detail for result in found if result.passed}
    assert tried["class output"] == "probabilities of normal, benign and malignant"
    assert tried["gradients"] == "all 6 weights get one"  # of the class head too


@pytest.mark.parametrize(
    ("check", "old", "new", "sentence"), FAULTS, ids=[fault[0] for fault in FAULTS]
)
def test_an_error_is_caught_by_the_check_that_is_there_for_it(plugin, check, old, new, sentence):
    candidate = Candidate.of(plugin(old, new))
    with pytest.raises(CheckError, match=sentence) as caught:
        BY_NAME[check](candidate)
    assert "\n" not in str(caught.value)


def test_every_check_has_an_error_that_it_catches():
    elsewhere = {"on_tensorflow", "on_jax", "on_torch"}  # below: they need a process each
    assert {check for check, *_ in FAULTS} | elsewhere == set(BY_NAME)


def test_a_plugin_that_calls_itself_otherwise_than_it_is_registered_is_caught(plugin):
    candidate = replace(Candidate.of(plugin()), asked="network")
    with pytest.raises(CheckError, match="it is registered as network but calls itself net"):
        BY_NAME["declaration"](candidate)


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


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_backend_that_is_absent_is_said_to_be(plugin, monkeypatch, backend):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(NotTriedError, match=rf"^{backend} is not installed\.$"):
        BY_NAME[f"on_{backend}"](Candidate.of(plugin()))


ELSEWHERE = 'if os.environ.get("KERAS_BACKEND") == "tensorflow": '
"""True in the process that tries another backend, which here is the same one."""


def test_a_sound_plugin_passes_in_a_process_of_its_own(plugin):
    found = on_another("tensorflow", Candidate.of(plugin(), options={"filters": 2}))
    assert found.startswith("differences up to ")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            "x = layers.Rescaling(2, dtype='float32')(x)",
            "with KERAS_BACKEND=tensorflow, output: its output lies between",
        ),
        ("x = layers.Rescaling(0.5, dtype='float32')(x)", "on tensorflow its output differs by"),
        ("os._exit(9)", r"on tensorflow it ended with status 9 \("),
    ],
)
def test_what_goes_wrong_on_another_backend_is_caught(plugin, monkeypatch, fault, sentence):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    file = plugin("return Model", f"{ELSEWHERE}{fault}\n    return Model")
    with pytest.raises(CheckError, match=sentence):
        on_another("tensorflow", Candidate.of(file))


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


def test_the_templates_placeholders_are_reported_until_they_are_replaced(plugin):
    fresh = Candidate.of(plugin('source="a test"', 'source="Decide: the paper"'))
    assert BY_NAME["declaration"](fresh) == "net; still the template's text: source"
    assert BY_NAME["declaration"](Candidate.of(plugin())) == "net: Two layers."
