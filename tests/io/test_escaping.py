import os
import unicodedata
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busicli.io.escaping import escape_csv_formula, percent_escape


@pytest.mark.parametrize("name", ["a/b c.png", "Müller/乳房 (1).png", "🩺.png", "100%.png"])
def test_names_that_people_can_read_stay(name):
    assert percent_escape(PurePosixPath(name)) == name


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (b"caf\xe9.png", "caf%E9.png"),  # Latin-1
        (b"a\nb.png", "a%0Ab.png"),
        (b"\x1b[31mred.png", "%1B[31mred.png"),
        ("right\u202eleft.png".encode(), "right%E2%80%AEleft.png"),  # turns the writing round
        (b"\xc3\xa9\xff.png", "é%FF.png"),
    ],
)
def test_control_characters_and_bytes_that_are_no_utf8_become_percent_codes(raw, written):
    assert percent_escape(Path(os.fsdecode(raw))) == written


@given(st.binary(min_size=1, max_size=30).filter(lambda raw: b"\0" not in raw))
def test_any_name_becomes_text_that_can_be_printed_and_encoded(raw):
    written = percent_escape(os.fsdecode(raw))
    assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in written)
    assert written.encode("utf-8")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\ta", "\ra", " =1", "\uff1d1"])
def test_text_that_a_spreadsheet_would_run_is_made_plain(text):
    assert escape_csv_formula(text) == f"'{text}"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", " =", '"='])
def test_a_formula_in_the_cell_that_a_semicolon_begins_is_made_plain_too(start):
    assert escape_csv_formula(f"a;{start}1.png") == f"a;'{start}1.png"


@pytest.mark.parametrize("name", ["a=1", "", "'=1", "1-2", "a;b", "a;1-2"])
def test_other_cells_stay(name):
    assert escape_csv_formula(name) == name
