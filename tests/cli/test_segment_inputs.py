import codecs
import io
import sys
from pathlib import Path

import pytest

from busicli.cli.segment_inputs import listed_paths
from busicli.errors import UsageError


@pytest.fixture
def listed(monkeypatch, tmp_path):
    """The paths of a list on stdin, read in a folder that holds a.png and b/c d.png."""
    for name in ("a.png", "b/c d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)

    def read(data: bytes, *, nul: bool = False) -> list[str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return [str(path) for path in listed_paths(nul=nul)]

    return read


@pytest.mark.parametrize(
    "data",
    [
        b"a.png\nb/c d.png\n",
        b"a.png\r\n\r\nb/c d.png\r\n",
        codecs.BOM_UTF8 + b"a.png\r\nb/c d.png",
        "a.png\r\nb/c d.png\r\n".encode("utf-16"),  # PowerShell's >
        b'"a.png"\r\n"b/c d.png"\r\n',
        b"a.png   \nb\\c d.png  \n",
        b"./a.png\n.\\b\\c d.png\n",
        b"a.png\rb/c d.png\r",  # of old Macs
        b"a.png\n" + codecs.BOM_UTF8 + b"b/c d.png\n",  # two lists in one
    ],
)
def test_lists_of_windows_and_powershell_are_read(listed, data):
    assert [Path(name) for name in listed(data)] == [Path("a.png"), Path("b/c d.png")]


def test_a_name_is_kept_where_there_is_a_file_of_it(listed, tmp_path):
    for name in ("x.png\r", " y.png", codecs.BOM_UTF8.decode() + "z.png", "a\\b.png"):
        (tmp_path / name).touch()
    assert listed(b"x.png\r\n y.png\na\\b.png\n") == ["x.png\r", " y.png", "a\\b.png"]
    assert listed(codecs.BOM_UTF8 + b"z.png\n") == ["\ufeffz.png"]


def test_a_name_that_is_not_there_loses_its_line_end_alone(listed):
    assert listed(b"gone 1.png \r\nback\\slash.png\n") == ["gone 1.png ", "back\\slash.png"]


def test_nul_separates_where_it_is_said_and_is_wrong_usage_elsewhere(listed):
    assert listed(b"a.png\0b\nc.png\0", nul=True) == ["a.png", "b\nc.png"]
    with pytest.raises(UsageError, match="give -0 if they separate the paths"):
        listed(b"a.png\0b.png\0")
