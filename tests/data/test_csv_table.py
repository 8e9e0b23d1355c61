import pytest

from busicli.data.csv_table import read_rows
from busicli.data.sources import read_table
from busicli.errors import InputError

HEAD, ROW = "scan,masks,class", "a.png,a_mask.png,benign"


@pytest.fixture
def table(tmp_path):
    """A table of these bytes beside a scan and its masks."""
    for name in ("a.png", "a_mask.png", "a_mask_1.png"):
        (tmp_path / name).touch()

    def write(data: str | bytes):
        path = tmp_path / "t.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\n{ROW}\n",
        f"{HEAD}\r\n{ROW}\r\n,,\r\n\r\n,,\r\n",
        f"{HEAD}\n{ROW}".replace(",", ";"),
        f"{HEAD}\n{ROW}".replace(",", "\t").encode("utf-16"),
        f"{HEAD}\n{ROW}".replace(",", "|"),
        *(f"{HEAD}\n{ROW}".encode(name) for name in ("utf-8-sig", "utf-16-le", "utf-16-be")),
        f"{HEAD}\n{ROW}".encode("utf-32"),
        f"sep=,\r\n{HEAD}\r\n{ROW}",
        f"sep=;\r\n{HEAD}\r\n{ROW}".replace(",", ";"),
        f",{HEAD}\n0,{ROW}\n",
        f"Unnamed: 0,{HEAD}\n0,{ROW}\n",
        f"{HEAD},,\n{ROW},,\n",
        "scan, masks, class\na.png, a_mask.png, benign \n",
        f"Scan,MASKS,Class\n{ROW.replace('benign', 'Benign')}\n",
        f"{HEAD}\n.\\a.png,.\\a_mask.png,benign\n",
    ],
)
def test_tables_of_excel_and_pandas_say_the_same(table, text):
    path = table(text)
    (case,), errors = read_table(path, "d")
    assert errors == []
    assert (case.case, case.label) == ("a", "benign")
    assert (case.scan, case.masks) == (path.parent / "a.png", (path.parent / "a_mask.png",))


def test_several_masks_of_a_table_with_semicolons_are_quoted(table):
    (case,), _ = read_table(table('scan;masks\na.png;"a_mask.png;a_mask_1.png"\n'), "d")
    assert [mask.name for mask in case.masks] == ["a_mask.png", "a_mask_1.png"]
    with pytest.raises(InputError, match="line 2 has 3 cells for 2 columns"):
        read_table(table("scan;masks\na.png;a_mask.png;a_mask_1.png\n"), "d")


def test_an_error_names_the_line_of_the_file(table):
    _, errors = read_table(table(f"sep=,\n{HEAD}\n\n{ROW}\n,,\nb.png,,normal\n"), "d")
    assert [error.what for error in errors] == ["t.csv, line 6"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04rest", "is a workbook"),
        ("scan\nbr\xfcst.png\n".encode("cp1252"), "not a CSV table in UTF-8"),
        (f"Scan,scan,{HEAD}\n{ROW}\n".encode(), "two columns of one name"),
        (b"", "has no column scan, but none"),
        (f"{HEAD},\n{ROW},7\n".encode(), "has a column without a name"),
        (b'scan\n"a.png\n', "line 2 cannot be split into cells"),
    ],
)
def test_what_is_no_such_table_says_why(table, data, reason):
    with pytest.raises(InputError, match=reason):
        read_table(table(data), "d")


def test_a_table_without_rows_has_its_columns(table):
    assert read_rows(table(f"{HEAD}\n")) == (("scan", "masks", "class"), [])
