"""The pre-trained encoder: how its file is read, and that the network is the one it is for."""

import pickle
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from skimage import data
from skimage.transform import resize

from busicli.models.registry import find
from busicli.models.weights import build_model, locate_shipped, read_encoder
from busicli.training.initial_weights import fill_by_path

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from pretrained_encoder import keras_arrays, read_state_dict

# --- the file: pickles written by hand, opcode by opcode, so that no PyTorch is needed


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def several(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


EMPTY = named("collections", "OrderedDict") + b")R"


def tensor(key: str, kind: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]):
    """What PyTorch writes for a tensor: a call of its function, a storage named by its key."""
    storage = several(text("storage"), named("torch", kind), text(key), text("cpu"), integer(0))
    return (
        named("torch._utils", "_rebuild_tensor_v2")
        + several(
            storage + b"Q",
            integer(offset),
            several(*map(integer, shape)),
            several(*map(integer, strides)),
            b"\x89",
            EMPTY,
        )
        + b"R"
    )


def pickled(content: bytes) -> bytes:
    return b"\x80\x02" + content + b"."


def state_dict(tensors: Mapping[str, bytes], storages: Mapping[str, np.ndarray]) -> bytes:
    """A whole file: magic number, protocol, machine, tensors, keys, storages."""
    items = b"".join(text(name) + content for name, content in tensors.items())
    keys = b"](" + b"".join(map(text, storages)) + b"e"
    parts = [integer(7), integer(1001), b"}", EMPTY + b"(" + items + b"u", keys]
    numbers = [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    return b"".join(map(pickled, parts)) + b"".join(numbers)


def test_tensors_are_read_by_offset_and_strides():
    # "plain" and "transposed" share six numbers, which begin after two that are no one's
    found = read_state_dict(
        state_dict(
            {
                "plain": tensor("a", "FloatStorage", 2, (2, 3), (3, 1)),
                "transposed": tensor("a", "FloatStorage", 2, (3, 2), (1, 3)),
                "counter": tensor("b", "LongStorage", 0, (), ()),
            },
            {"a": np.arange(-2, 6, dtype=np.float32), "b": np.array([9], np.int64)},
        )
    )
    assert list(found) == ["plain", "transposed", "counter"]
    np.testing.assert_array_equal(found["plain"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["transposed"], [[0, 3], [1, 4], [2, 5]])
    assert (found["counter"].shape, found["counter"]) == ((), 9)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}


def test_a_file_that_asks_for_anything_else_is_refused_before_it_runs(tmp_path):
    target = tmp_path / "made"
    call = named("os", "mkdir") + several(text(str(target))) + b"R"
    with pytest.raises(pickle.UnpicklingError, match=r"^the file asks for os\.mkdir\.$"):
        read_state_dict(state_dict({"weight": call}, {}))
    assert not target.exists()
    double = tensor("a", "DoubleStorage", 0, (1,), (1,))
    with pytest.raises(pickle.UnpicklingError, match=r"asks for torch\.DoubleStorage\.$"):
        read_state_dict(state_dict({"weight": double}, {"a": np.zeros(1)}))


def test_arrays_get_their_keras_paths_and_order_of_axes():
    dense = np.arange(2 * 3 * 5 * 7, dtype=np.float32).reshape(2, 3, 5, 7)  # out, in, rows, columns
    each = np.arange(4 * 5 * 7, dtype=np.float32).reshape(4, 1, 5, 7)
    found = keras_arrays(
        {
            "_conv_stem.weight": dense,
            "_bn0.running_mean": np.zeros(2),
            "_blocks.3._depthwise_conv.weight": each,
            "_blocks.12._bn2.running_var": np.ones(2),
            "_blocks.12._bn2.num_batches_tracked": np.zeros(()),
            "_conv_head.weight": dense,
            "_bn1.weight": np.ones(2),
            "_fc.bias": np.ones(2),
        }
    )
    assert list(found) == [
        "encoder_stem/kernel",
        "encoder_stem_norm/moving_mean",
        "encoder_block03_depthwise/kernel",
        "encoder_block12_project_norm/moving_variance",
    ]
    assert found["encoder_stem/kernel"].shape == (5, 7, 3, 2)
    assert found["encoder_stem/kernel"][4, 6, 2, 1] == dense[1, 2, 4, 6]
    assert found["encoder_block03_depthwise/kernel"].shape == (5, 7, 4, 1)
    assert found["encoder_block03_depthwise/kernel"][4, 6, 3, 0] == each[3, 0, 4, 6]


# --- the network: is it the one that the numbers were trained in?


@pytest.fixture(scope="module")
def network():
    return build_model(find("improved-unet"), 256, {"widths": [8, 8, 8, 8]})


@pytest.fixture(scope="module")
def arrays():
    folder, pinned = locate_shipped("efficientnet-lite2")
    return read_encoder(folder, pinned_sha256=pinned)


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    """A cat and a cup of coffee as the encoder was trained on such: (2, 256, 256, 3)."""
    shown = (data.chelsea(), data.coffee())
    both = [resize(image, (256, 256), preserve_range=True) for image in shown]
    return (np.stack(both) - 127) / 128


def norms_of(network):
    return [n for n in network.layers if n.name.startswith("encoder") and n.name.endswith("_norm")]


def answers(network, kernels, images, tensors) -> list[np.ndarray]:
    """What the encoder, filled with these arrays, makes of images at some of its tensors."""
    import keras

    fill_by_path(network, kernels, "test")
    part = keras.Model(network.get_layer("encoder_stem").input, tensors)
    return [np.asarray(found) for found in keras.tree.flatten(part(images, training=False))]


def distances(network, kernels, images) -> np.ndarray:
    """Of each normalisation the median, over channels, of how many standard deviations what comes
    lies from what came in pre-training."""
    norms = norms_of(network)
    found = answers(network, kernels, images, [norm.input for norm in norms])
    return np.array(
        [
            np.median(np.abs(x.mean(axis=(0, 1, 2)) - n.moving_mean) / n.moving_variance**0.5)
            for x, n in zip(found, norms, strict=True)
        ]
    )


def with_kernels(arrays, change):
    return {path: change(a) if a.ndim == 4 else a for path, a in arrays.items()}


def test_every_normalisation_gets_what_it_got_in_pre_training(network, arrays, photographs):
    # measured: at most 0.5; with kernels whose axes are mixed up 13
    assert len(norms_of(network)) == len([path for path in arrays if path.endswith("gamma")])
    assert distances(network, arrays, photographs).max() < 1
    mixed = with_kernels(arrays, lambda k: k.swapaxes(2, 3).reshape(k.shape))
    assert distances(network, mixed, photographs).max() > 3


def test_a_mirror_image_is_the_same_thing_and_one_upside_down_is_not(network, arrays, photographs):
    # Statistics do not tell rows from columns, but photographs were mirrored in pre-training.
    def likeness(kernels, changed) -> np.ndarray:
        last = [norms_of(network)[-1].output]
        one, other = (
            answers(network, kernels, images, last)[0].mean(axis=(1, 2))
            for images in (photographs, changed)
        )
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        return (one * other).sum(axis=1) / lengths

    # measured: 0.98 mirrored against 0.91 and 0.82 upside down
    mirrored, upside_down = photographs[:, :, ::-1], photographs[:, ::-1]
    assert (likeness(arrays, mirrored) > likeness(arrays, upside_down) + 0.05).all()
    turned = with_kernels(arrays, lambda k: k.swapaxes(0, 1))
    assert (likeness(turned, mirrored) < likeness(turned, upside_down)).all()
