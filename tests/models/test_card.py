import json
import math
import shutil

import pytest

from busicli.errors import InputError
from busicli.io.files import sha256_file
from busicli.models.weights import (
    CARD,
    locate_shipped,
    read_card,
)
from tests.made_weights import change_card, read_document


def test_a_pinned_hash_is_that_of_the_card_and_so_of_the_numbers(saved, folder):
    _, _, digest = saved
    assert digest == sha256_file(folder / CARD)
    assert read_card(folder, pinned_sha256=digest) == read_card(folder)
    change_card(folder, postprocess={**read_document(folder)["postprocess"], "threshold": 0.6})
    assert read_card(folder).postprocess.threshold == 0.6
    with pytest.raises(InputError, match=rf"not the {digest[:12]}… that was pinned"):
        read_card(folder, pinned_sha256=digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"name": "x"}',
        "\x80",
        '{"preprocess": 3, "postprocess": {}}',
        '{"preprocess": {"size_px": "256"}, "postprocess": {}}',
    ],
)
def test_a_damaged_card_is_refused_in_one_sentence(folder, text):
    (folder / CARD).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"^the card of weights is damaged or of another version"):
        read_card(folder)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"postprocess": {"threshold": 2}}, "threshold is 2; it must be between 0 and 1"),
        ({"postprocess": {"threshold": math.nan}}, "threshold is nan"),
        ({"postprocess": {"max_hole_fraction": True}}, "max_hole_fraction of PostprocessSettings"),
        ({"preprocess": {"size_px": 32.5}}, "size_px of PreprocessSettings is no int"),
        ({"preprocess": {"size_px": 10**9}}, "the input size is 1000000000"),
        ({"options": [1]}, "options of Card is no dict"),
        ({"options": {"filters": math.inf}}, "options of Card"),
        ({"training": {"a": [{"b": math.nan}]}}, "training of Card"),
        ({"scores": {"a": json.loads("[" * 60 + "]" * 60)}}, "scores of Card is no dict"),
        ({"tta": 1}, "tta of Card is no bool"),
        ({"class_temperature": -1.0}, "class_temperature is -1.0"),
        ({"malignant_from": 1e999}, "malignant_from of Card"),
        ({"graph": {"float32": {"mean": 1.0}}}, "the graph is float32; it must be compared"),
        ({"training_scans": [["a"]]}, "a training scan is another number of hashes"),
        ({"confidence": {"weights": [1.0], "bias": 0.0, "review_below": 0.5}}, "weights is 1"),
        ({"files": {"../../x": "0" * 64}}, r"a file is ../../x; it must be a plain name"),
        ({"files": {"/etc/passwd": "0" * 64}}, "a file is /etc/passwd; it must be a plain name"),
        ({"files": {"x": "0"}}, "the hash of x is 0; it must be a SHA-256"),
        ({"name": ""}, "its name is ; it must be 1 to 200 characters"),
        ({"name": "../../x"}, "its name is ../../x; it must be a plain name"),
        ({"name": "a\nbusicli: \x1b[2J"}, "its name is a%0Abusicli: %1B.2J; it must be a plain"),
        ({"colour": 1}, "it is no card"),
    ],
)
def test_a_card_is_checked_wholly_before_anything_is_done(folder, values, reason):
    change_card(folder, **values)
    with pytest.raises(InputError, match=reason):
        read_card(folder)


def test_a_card_that_is_nested_without_end_is_refused(folder):
    (folder / CARD).write_text('{"options": ' + "[" * 100_000)
    with pytest.raises(InputError, match="it is no JSON, or damaged or cut short; get"):
        read_card(folder)


def test_a_copy_of_the_weights_that_ship_is_what_ships_or_is_refused(tmp_path):
    folder, _ = locate_shipped("improved-unet")
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert read_card(copy) == read_card(folder)
    card = (copy / CARD).read_text()
    (copy / CARD).write_text(card.replace('"threshold": 0.', '"threshold": 0.1'))
    with pytest.raises(InputError, match="the card of copy is "):
        read_card(copy)


def test_no_bit_of_a_card_can_change_what_it_says(folder):
    data, card = (folder / CARD).read_bytes(), read_card(folder)
    for number in range(0, 8 * len(data), 11):  # each byte, any of its bits
        changed = bytearray(data)
        changed[number // 8] ^= 1 << number % 8
        (folder / CARD).write_bytes(changed)
        try:
            assert read_card(folder) == card
        except InputError:
            continue


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"holds no {CARD}; name a weights folder"):
        read_card(tmp_path)
