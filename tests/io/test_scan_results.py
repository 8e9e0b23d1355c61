"""A scan's result goes to the manifest, the journal and lesions.csv, and comes back the same."""

import json
from dataclasses import replace

import pytest

from busicli.errors import InputError
from busicli.io.lesion_table import (
    CLASS_COLUMNS,
    LESION_COLUMNS,
    class_cells,
    lesion_cells,
    parse_lesion_cells,
)
from busicli.io.scan_results import (
    DicomFile,
    FrameMask,
    Reviewed,
    ScanResult,
    journal_line,
    manifest_line,
    parse_journal_line,
    parse_manifest_line,
)
from busicli.types import ClassProbabilities, FrameView
from tests.made_results import in_mm, lesion

FULL = ScanResult(
    scan="a.dcm",
    status="ok",
    lesions=(lesion(1, 1, in_mm(14.25, 9.0)), lesion(2, 2)),
    confidence=0.25,
    why_review=("low confidence", "several candidates"),
    class_probabilities=ClassProbabilities(normal=0.125, benign=0.25, malignant=0.625),
    reviewed=Reviewed(decision="accepted", reviewer="AB", at="2026-01-31T07:12:00Z"),
    views=(FrameView(box=(1, 2, 3, 4), kind="tissue", source="found"),),
    new=False,
    sha256="ab",
    masks=(
        FrameMask(frame=1, path="masks/a.dcm/0001.png", sha256="cd", confidence=0.25),
        FrameMask(frame=2, path="masks/a.dcm/0002.png", sha256="ef"),
    ),
    millimetres="ultrasound regions of the file",
    shown_whole=True,
    dicom=(DicomFile(kind="sr", frame=0, path="dicom/a.dcm.sr.dcm"),),
    dicom_left_out="a cine has no segmentation object",
    assumed=("BitsStored 8",),
    object_key="01ab",
    same_object_as="0.dcm",
    identifiers={"patient_id": "X"},
    milliseconds=12.5,
)
PLAIN = ScanResult(scan="b.png", status="ok", new=False)
FAILED = ScanResult(scan="c.png", status="failed", reason="is damaged", new=False)


def test_the_manifest_has_the_columns_of_the_contract_in_their_order():
    row = json.loads(manifest_line(FULL))
    assert list(row) == [
        *("scan", "status", "reason", "lesions", "confidence", "review", "why_review"),
        *("class_probabilities", "reviewed", "views", "new", "sha256", "masks", "millimetres"),
        *("shown_whole", "dicom", "dicom_left_out", "assumed", "same_object_as"),
        *("identifiers", "milliseconds"),
    ]
    assert (row["lesions"], row["review"], row["new"]) == (2, False, False)
    assert row["views"] == [{"frame": 1, "box": [1, 2, 3, 4], "kind": "tissue", "source": "found"}]
    assert row["masks"][1] == {"frame": 2, "path": "masks/a.dcm/0002.png", "sha256": "ef"}


def test_what_is_not_known_is_null_and_what_was_not_asked_for_is_not_there():
    row = json.loads(manifest_line(PLAIN))
    assert [row[name] for name in ("confidence", "class_probabilities", "reviewed")] == [None] * 3
    assert (row["review"], row["why_review"]) == (False, [])
    assert not {"shown_whole", "dicom", "identifiers"} & set(row)


def test_a_scan_without_a_mask_has_a_reason_alone():
    row = json.loads(manifest_line(FAILED))
    assert row == {"scan": "c.png", "status": "failed", "reason": "is damaged", "new": False}


@pytest.mark.parametrize("result", [FULL, PLAIN, FAILED])
def test_a_journal_line_comes_back_as_the_same_result_but_for_what_a_run_decides(result):
    line = journal_line(result)
    assert not {"new", "same_object_as"} & set(json.loads(line))
    assert parse_journal_line(line) == replace(result, new=True, same_object_as="")


@pytest.mark.parametrize("result", [FULL, PLAIN, FAILED])
def test_a_manifest_line_comes_back_without_its_lesions(result):
    found, count = parse_manifest_line(manifest_line(result).encode())
    assert found == replace(result, lesions=(), object_key="")
    assert count == len(result.lesions)


@pytest.mark.parametrize(
    "line", ["{", "[]", "5", '{"scan": "a"}', '{"scan": "a", "status": "ok", "masks": [{}]}']
)
def test_other_lines_are_refused(line):
    for parse in (parse_journal_line, parse_manifest_line):
        with pytest.raises(InputError, match="damaged or of another version"):
            parse(line)


def test_class_probabilities_are_cells_too():
    cells = class_cells(ClassProbabilities(normal=0.05, benign=0.2, malignant=0.75))
    assert cells == {"p_normal": "0.05", "p_benign": "0.2", "p_malignant": "0.75"}
    assert class_cells(None) == dict.fromkeys(CLASS_COLUMNS, "")


@pytest.mark.parametrize("found", FULL.lesions)
def test_a_lesions_cells_come_back_as_the_same_lesion(found):
    cells = lesion_cells("a.dcm", found)
    assert tuple(cells) == LESION_COLUMNS
    assert parse_lesion_cells(cells) == found


def test_cells_hold_few_digits_and_nothing_where_nothing_is_known():
    cells = lesion_cells("=1.png", lesion(circularity=0.123456789))
    assert (cells["scan"], cells["circularity"], cells["touches_border"]) == (
        "'=1.png",
        "0.123457",
        "false",
    )
    assert (cells["bbox"], cells["depth_mm"]) == ("20 30 36 46", "")


def test_a_row_of_another_table_is_refused():
    with pytest.raises(InputError, match=r"lesions\.csv is damaged"):
        parse_lesion_cells({"scan": "a", "frame": "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scan", "../a.png"),
        ("scan", ""),
        ("scan", None),
        ("status", ["ok"]),
        ("sha256", 5),
        ("milliseconds", "long"),
        ("confidence", True),
        ("masks", [{"frame": 1, "path": "masks/../../a.png", "sha256": "ab"}]),
        ("masks", [{"frame": 1, "path": "/etc/a.png", "sha256": "ab"}]),
        ("masks", [{"frame": 1, "path": "masks/a.png", "sha256": "ab", "polygons": [[[1, 2, 3]]]}]),
        ("views", [{"box": [1, 2, 3], "kind": "whole", "source": "whole"}]),
        ("files", {"../x": "ab"}),
        ("identifiers", {"patient_id": 1}),
    ],
)
def test_a_row_of_other_types_or_that_leads_out_of_the_folder_is_refused(name, value):
    row = json.loads(journal_line(FULL)) | {name: value}
    with pytest.raises(InputError, match="a row of the results is damaged"):
        parse_journal_line(json.dumps(row))
