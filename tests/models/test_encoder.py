import json
import shutil

import pytest

from busicli.errors import InputError
from busicli.io.files import sha256_bytes
from busicli.models.weights import (
    CARD,
    locate_shipped,
    read_card,
    read_encoder,
    shipped_names,
)


def test_an_encoder_is_no_weights_to_segment_with():
    assert "efficientnet-lite2" not in shipped_names()
    folder, pinned = locate_shipped("efficientnet-lite2")
    assert read_encoder(folder, pinned_sha256=pinned)
    with pytest.raises(InputError, match="the card of efficientnet-lite2 is damaged or of another"):
        read_card(folder, pinned_sha256=pinned)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("encoder.safetensors", b"changed", "is not the file that its card names; it was changed"),
        ("encoder.safetensors", None, "weights lacks encoder.safetensors"),
        ("card.json", b"{}", "the card of weights names no encoder.safetensors"),
        ("card.json", b"[", "the card of weights names no encoder.safetensors"),
        ("card.json", None, "holds no card.json"),
    ],
)
def test_an_encoder_that_is_not_what_its_card_names_is_refused(tmp_path, name, content, reason):
    folder = shutil.copytree(locate_shipped("efficientnet-lite2")[0], tmp_path / "weights")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_encoder(folder, pinned_sha256=None)


def test_an_encoder_of_another_card_than_the_pinned_one_is_refused(tmp_path):
    source, pinned = locate_shipped("efficientnet-lite2")
    folder = shutil.copytree(source, tmp_path / "weights")
    card = json.loads((folder / CARD).read_text()) | {"licence": "none"}
    (folder / CARD).write_text(json.dumps(card))
    assert read_encoder(folder, pinned_sha256=None)
    with pytest.raises(InputError, match=r"that was pinned"):
        read_encoder(folder, pinned_sha256=pinned)


def test_an_encoder_of_another_format_is_refused_though_the_hash_agrees(tmp_path):
    card = {"files": {"encoder.safetensors": sha256_bytes(b"no arrays")}}
    (tmp_path / CARD).write_text(json.dumps(card))
    (tmp_path / "encoder.safetensors").write_bytes(b"no arrays")
    with pytest.raises(InputError, match="holds no arrays"):
        read_encoder(tmp_path, pinned_sha256=None)
