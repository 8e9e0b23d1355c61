from dataclasses import replace

import pytest

from busicli.testing import (
    Candidate,
    CheckError,
)
from tests.testing.made_plugins import BY_NAME, CLASSES, FIRST, LAST, TWO

IN_TENSORFLOW = (
    "import tensorflow as tf\n"
    "    x = layers.Lambda(lambda t: {}, output_shape=lambda shape: shape)(x)"
)


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


def test_the_templates_placeholders_are_reported_until_they_are_replaced(plugin):
    fresh = Candidate.of(plugin('source="a test"', 'source="Decide: the paper"'))
    assert BY_NAME["declaration"](fresh) == "net; still the template's text: source"
    assert BY_NAME["declaration"](Candidate.of(plugin())) == "net: Two layers."
