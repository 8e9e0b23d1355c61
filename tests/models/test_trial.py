"""Options of every architecture that ships, wrong in every way, and what is said of them."""

import keras
import pytest

from busicli.errors import InputError
from busicli.models.architecture import Architecture
from busicli.models.registry import find
from busicli.models.trial import check_network

WRONG = [
    ("unet", {"levels": 30}, "Computed output size would be zero or negative"),
    ("unet", {"levels": 0}, "invalid dimension '32.0'"),
    ("unet", {"levels": 2.5}, "cannot be built"),
    ("unet", {"filters": 0}, "strictly positive"),
    ("unet", {"filters": "many"}, 'filters of the model unet is "many"; it must be like 64.'),
    ("unet", {"filters": True}, "is true; it must be like 64."),
    ("unet", {"filters": 100_000}, "has 75,740,013,500,001 parameters .* need 302,960 GB"),
    ("improved-unet", {"widths": []}, "widths has 0 numbers; 4 are needed"),
    ("improved-unet", {"widths": 8}, r"widths .* is 8; it must be like \[48, 80, 112, 192\]."),
    ("improved-unet", {"widths": [8, 8, 8, "8"]}, "must be like"),
    ("improved-unet", {"widths": [1, 1, 1, 1]}, "strictly positive"),
    ("improved-unet", {"dropout": 2}, "between 0 and 1"),
    ("improved-unet", {"dropout": None}, "is null; it must be like 0.2."),
    ("improved-unet", {"class_head": "no"}, 'is "no"; it must be like true.'),
    ("improved-unet", {"encoder": "lite9"}, "known are lite0, lite1, lite2"),
]


@pytest.mark.parametrize(("name", "options", "sentence"), WRONG)
def test_a_wrong_option_is_refused_before_memory_is_taken(name, options, sentence):
    with pytest.raises(InputError, match=sentence):
        check_network(find(name), 256, options)


def test_an_answer_of_another_size_is_refused():
    def build(input_shape, *, kernel=1):
        scan = keras.Input(input_shape)
        return keras.Model(scan, keras.layers.Conv2D(1, kernel)(scan))

    own = Architecture(
        name="own", summary="s", source="s", size_multiple=1, build=build, options={"kernel": 1}
    )
    with pytest.raises(InputError, match=r"output for 64 x 64 px has the shape \[62, 62, 1\]"):
        check_network(own, 64, {"kernel": 3})


def test_options_that_make_sense_pass():
    check_network(find("unet"), 256, {"filters": 8, "levels": 3})
    check_network(find("improved-unet"), 64, {"encoder": "lite0", "widths": [8, 8, 8, 8]})
