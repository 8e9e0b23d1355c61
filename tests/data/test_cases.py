import pytest

from busicli.data.cases import read_splits
from busicli.errors import InputError


def test_a_table_without_the_columns_gives_no_splits(tmp_path):
    table = tmp_path / "cases.csv"
    table.write_text("case,split\na,train\n")
    with pytest.raises(
        InputError, match=r"cases\.csv is not a table with the columns pixels_sha256"
    ):
        read_splits(table)


def test_identical_scans_in_two_splits_are_no_split_to_take_over(tmp_path):
    table = tmp_path / "cases.csv"
    table.write_text("pixels_sha256,split\nab,train\ncd,test\nab,test\n")
    with pytest.raises(InputError, match="has identical scans in different splits"):
        read_splits(table)


def test_splits_are_read_by_the_pixels_they_belong_to(tmp_path):
    table = tmp_path / "cases.csv"
    table.write_text("pixels_sha256,split\nab,train\ncd,test\n")
    assert read_splits(table) == {"ab": "train", "cd": "test"}
