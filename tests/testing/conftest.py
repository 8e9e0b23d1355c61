from pathlib import Path

import pytest

from tests.testing.made_plugins import SOUND


@pytest.fixture
def plugin(tmp_path):
    """Write a plugin file: the sound one with a part of it replaced."""

    def write(old: str = "", new: str = "") -> Path:
        assert old in SOUND
        path = tmp_path / "net.py"
        path.write_text(SOUND.replace(old, new) if old else SOUND)
        return path

    return write
