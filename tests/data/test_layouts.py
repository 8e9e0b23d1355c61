from pathlib import Path

import pytest

from busicli.data.sources import read_folder
from busicli.errors import InputError
from tests.data.made_sources import empty_files, reported


def bus_bra(folder: Path, *rows: str, columns: str = "ID,Case,Pathology,BIRADS") -> Path:
    (folder / "bus_data.csv").write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8-sig")
    return folder


def test_bus_bra_names_the_scanner(tmp_path):
    bus_bra(tmp_path, "bus_1,1,benign,GE Logiq 5", columns="ID,Case,Pathology,Device")
    empty_files(tmp_path, "Images/bus_1.png", "Masks/mask_1.png")
    (case,), _ = read_folder(tmp_path, "bra")
    assert case.device == "GE Logiq 5"


def test_bus_bra_gives_patients_as_groups(tmp_path):
    bus_bra(tmp_path, "bus_0001-l,1,benign,2", "bus_0001-r,1,malignant,4", "bus_0002-l,2,benign,2")
    for side in ("0001-l", "0001-r"):
        empty_files(tmp_path, f"Images/bus_{side}.png", f"Masks/mask_{side}.png")
    cases, errors = read_folder(tmp_path, "bra")
    assert errors == []  # 0002-l is in the table alone: a part of the published data
    assert [(case.case, case.label, case.group) for case in cases] == [
        ("bus_0001-l", "benign", "1"),
        ("bus_0001-r", "malignant", "1"),
    ]
    assert cases[0].scan == tmp_path / "Images" / "bus_0001-l.png"
    assert cases[0].masks == (tmp_path / "Masks" / "mask_0001-l.png",)


def test_bus_bra_with_half_of_a_pair_is_broken(tmp_path):
    bus_bra(tmp_path, "bus_1,1,benign,2", "bus_2,2,benign,2")
    empty_files(tmp_path, "Images/bus_1.png", "Masks/mask_2.png")
    cases, errors = read_folder(tmp_path, "bra")
    assert cases == []
    assert reported(errors) == {
        ("Masks/mask_1.png", "is missing"),
        ("Images/bus_2.png", "is missing"),
    }


def test_bus_bra_rows_that_end_early_are_no_crash(tmp_path):
    bus_bra(tmp_path, "bus_1", "", ",,")
    empty_files(tmp_path, "Images/bus_1.png", "Masks/mask_1.png")
    cases, _ = read_folder(tmp_path, "bra")
    assert [(case.case, case.label, case.group) for case in cases] == [("bus_1", "", "")]


def test_a_table_that_is_not_bus_bras_is_refused_by_what_it_lacks(tmp_path):
    bus_bra(tmp_path, "x,y", columns="ID,Age")
    with pytest.raises(InputError, match="has no column Case, Pathology"):
        read_folder(tmp_path, "bra")


BREAST = "CaseID,Image_filename,Mask_tumor_filename,Mask_other_filename,Classification"


IMAGES = "BrEaST-Lesions_USG-images_and_masks"


def breast(folder: Path, *rows: str, files: tuple[str, ...] = (), columns: str = BREAST) -> Path:
    table = folder / "BrEaST-Lesions-USG-clinical-data.csv"
    table.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8-sig")
    (folder / IMAGES).mkdir()
    return empty_files(folder, *(f"{IMAGES}/{name}" for name in files))


def test_breast_masks_are_of_the_tumour_alone(tmp_path):
    breast(
        tmp_path,
        "1,case001.png,case001_tumor.png,case001_other1.png,benign",
        "2,case002.png,case002_tumor1.png&case002_tumor2.png,,malignant",
        "3,case003.png,,,normal",
        "4,case004.png,case004_tumor.png,,benign",  # listed, but not in this part of the data
        "5,case005.png,,,normal",
        files=(
            *("case001.png", "case001_tumor.png", "case001_other1.png", "case003.png"),
            *("case002.png", "case002_tumor1.png", "case002_tumor2.png"),
        ),
    )
    cases, errors = read_folder(tmp_path, "breast")
    assert errors == []
    assert [
        (case.case, case.label, [mask.name for mask in case.masks], case.group) for case in cases
    ] == [
        ("case001", "benign", ["case001_tumor.png"], "1"),
        ("case002", "malignant", ["case002_tumor1.png", "case002_tumor2.png"], "2"),
        ("case003", "normal", [], "3"),
    ]
    assert cases[0].scan == tmp_path / IMAGES / "case001.png"


def test_errors_of_breast_are_reported_by_file(tmp_path):
    breast(
        tmp_path,
        "1,case001.png,case001_tumor.png,,benign",
        "2,case002.png,case002_tumor.png,,malignant",
        "3,case003.png,,,benign",
        "4,case004.png,,,cyst",
        files=("case001.png", "case002_tumor.png", "case003.png", "case004.png"),
    )
    cases, errors = read_folder(tmp_path, "breast")
    assert cases == []
    assert reported(errors) == {
        (f"{IMAGES}/case001_tumor.png", "is missing"),
        (f"{IMAGES}/case002.png", "is missing"),
        (f"{IMAGES}/case003.png", "is benign but the table names no tumour mask"),
        (f"{IMAGES}/case004.png", "has the class cyst; known are benign, malignant, normal"),
    }


def test_breasts_workbook_is_to_be_saved_as_csv(tmp_path):
    empty_files(tmp_path, "BrEaST-Lesions-USG-clinical-data-Dec-15-2023.xlsx", f"{IMAGES}/x.png")
    with pytest.raises(
        InputError, match=r"2023\.xlsx is a workbook; save its table beside it as CSV"
    ):
        read_folder(tmp_path, "breast")


def test_breast_needs_one_table_and_one_folder_of_images(tmp_path):
    breast(tmp_path, "1,case001.png,,,normal")
    empty_files(tmp_path, "BrEaST-clinical-old.csv")
    with pytest.raises(InputError, match=r"holds 2 clinical tables .*; keep only one there"):
        read_folder(tmp_path, "breast")
    (tmp_path / "BrEaST-clinical-old.csv").unlink()
    (tmp_path / IMAGES).rmdir()
    with pytest.raises(InputError, match="holds 0 folders of BrEaST's images"):
        read_folder(tmp_path, "breast")


def test_a_table_that_is_not_breasts_is_refused_by_what_it_lacks(tmp_path):
    breast(tmp_path, "1,x.png", columns="CaseID,Image_filename")
    with pytest.raises(InputError, match="has no column Classification, Mask_tumor_filename"):
        read_folder(tmp_path, "breast")
