import pytest

from busicli.data.sources import read_folder, read_table
from busicli.errors import InputError
from busicli.types import SourceCase
from tests.data.made_sources import empty_files, reported, write_table


def test_a_table_names_scans_relative_to_itself(tmp_path):
    empty_files(tmp_path, "a/x.png", "a/x1.png", "a/x2.png", "y.tif")
    table = write_table(
        tmp_path, "scan,masks,class,group", "a/x.png,a/x1.png; a/x2.png,benign,p 1", "y.tif,,,"
    )
    cases, errors = read_table(table, "mine")
    assert errors == []
    assert cases == [
        SourceCase(
            dataset="mine",
            case="a/x",
            label="benign",
            scan=tmp_path / "a" / "x.png",
            masks=(tmp_path / "a" / "x1.png", tmp_path / "a" / "x2.png"),
            group="p 1",
        ),
        SourceCase(dataset="mine", case="y", label="", scan=tmp_path / "y.tif", masks=()),
    ]


def test_all_errors_of_a_table_are_reported_with_their_lines(tmp_path):
    empty_files(tmp_path, "x.png")
    table = write_table(
        tmp_path,
        "scan,masks,class,split",
        "x.png,gone.png,benign,train",
        ",x.png,,train",
        "x.png,,cyst,train",
        "x.png,,,holdout",
        "x.png,,,test",
    )
    cases, errors = read_table(table, "mine")
    assert [case.split for case in cases] == ["test"]
    assert reported(errors) == {
        ("cases.csv, line 2", "names gone.png, which is not a file"),
        ("cases.csv, line 3", "names no scan"),
        ("cases.csv, line 4", "has the class cyst; known are benign, malignant, normal"),
        ("cases.csv, line 5", "has the split holdout; known are train, val, test"),
    }


def test_a_split_is_named_for_all_scans_or_none(tmp_path):
    table = write_table(tmp_path, "scan,split", "x.png,train", "y.png,")
    with pytest.raises(InputError, match="in 1 of 2 rows; give one in all or in none"):
        read_table(table, "mine")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        # as spreadsheets save it by default
        ("scan,group\nx.png,Müller\n".encode("latin-1"), "is not a CSV table in UTF-8"),
        # longer than a cell may be
        (b"scan,group\n" + b"x" * 200_000 + b",a\n", "line 2 cannot be split into cells"),
    ],
)
@pytest.mark.parametrize("layout", ["table", "BUS-BRA"])
def test_a_table_that_cannot_be_read_is_refused_in_one_sentence(tmp_path, data, reason, layout):
    name = "cases.csv" if layout == "table" else "bus_data.csv"
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name}.* {reason}"):
        read_table(tmp_path / name, "d") if layout == "table" else read_folder(tmp_path, "d")


@pytest.mark.parametrize("lines", [("",), ("image,mask", "x.png,"), ("image;mask", "x.png;")])
def test_a_table_without_scans_says_which_columns_there_are(tmp_path, lines):
    with pytest.raises(
        InputError,
        match=r"no column scan, but .*; the columns may be scan, masks, class, group, split",
    ):
        read_table(write_table(tmp_path, *lines), "mine")


def test_a_misspelt_column_is_not_passed_over(tmp_path):
    with pytest.raises(InputError, match="has an unknown column patient; rename or remove it"):
        read_table(write_table(tmp_path, "scan,masks,patient", "x.png,,7"), "mine")


def test_a_lesion_without_a_mask_is_refused(tmp_path):
    (tmp_path / "x.png").touch()
    _, errors = read_table(write_table(tmp_path, "scan,masks,class", "x.png,,benign"), "mine")
    assert [error.reason for error in errors] == [
        "is benign but names no mask; name it, or leave the class empty"
    ]


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no table"):
        read_table(tmp_path / "gone.csv", "mine")
