"""Manifest and table of lesions."""

import csv
import io
import json

import numpy as np
import pytest

from busicli.batch.tables import write_tables
from busicli.imaging.measure import lesions
from busicli.io.lesion_table import CLASS_COLUMNS, LESION_COLUMNS
from busicli.io.scan_results import ScanResult


def row(scan: str, **values) -> ScanResult:
    """A result as the journal gives it back: not new."""
    return ScanResult(**{"scan": scan, "status": "ok", "new": False, **values})


def parsed(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def measured(scan: str) -> ScanResult:
    """The result of a 5 x 8 scan with two lesions."""
    mask = np.zeros((5, 8), bool)
    mask[1:3, 1:4] = True
    mask[4, 6:] = True
    probability = np.where(mask, np.float32(0.75), np.float32(0.1))
    return row(scan, lesions=tuple(lesions(mask, probability)))


def test_the_manifest_counts_lesions_and_keeps_the_order(tmp_path):
    failed = row("é.png", status="failed", reason="is no image", new=True)
    write_tables(tmp_path, [measured("b.png"), failed, row("a.png")])
    text = (tmp_path / "manifest.jsonl").read_bytes().decode()
    first, second, third = map(json.loads, text.splitlines())
    assert (first["scan"], first["lesions"], first["new"]) == ("b.png", 2, False)
    assert second == {"scan": "é.png", "status": "failed", "reason": "is no image", "new": True}
    assert (third["scan"], third["lesions"]) == ("a.png", 0)
    assert "é.png" in text


def test_every_lesion_has_a_row(tmp_path):
    write_tables(tmp_path, [measured("b.png"), row("x", status="failed"), measured("a.png")])
    table = parsed((tmp_path / "lesions.csv").read_bytes())
    assert tuple(table[0]) == (*LESION_COLUMNS, *CLASS_COLUMNS)
    assert [(r["scan"], r["lesion"]) for r in table] == [
        ("b.png", "1"),
        ("b.png", "2"),
        ("a.png", "1"),
        ("a.png", "2"),
    ]
    large, small = table[:2]
    # Rows 1 to 2 and columns 1 to 3: middle at row 1.5, column 2.
    assert (large["area_px"], large["bbox"], large["centroid"]) == ("6", "1 1 3 4", "1.5 2")
    assert (large["mean_probability"], large["touches_border"]) == ("0.75", "false")
    assert (small["bbox"], small["touches_border"]) == ("4 6 5 8", "true")
    assert large["area_mm2"] == ""


def test_a_run_without_lesions_has_a_table_of_its_columns(tmp_path):
    write_tables(tmp_path, [])
    header = ",".join((*LESION_COLUMNS, *CLASS_COLUMNS))
    assert (tmp_path / "lesions.csv").read_text() == header + "\n"


@pytest.mark.parametrize("name", ["=1+1.png", "@a.png"])
def test_no_name_in_a_table_is_run_by_a_spreadsheet(tmp_path, name):
    write_tables(tmp_path, [measured(name)])
    assert parsed((tmp_path / "lesions.csv").read_bytes())[0]["scan"] == f"'{name}"
