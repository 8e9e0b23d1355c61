import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from busicli.data import objections
from busicli.data.assign_splits import LoadedCases, assign_splits
from busicli.data.cases import read_splits
from busicli.data.prepare_case import CasePreparation, PreparedCase
from busicli.data.sources import read_folder, read_table
from busicli.data.store import (
    PreparedData,
    open_data,
    write_index,
    write_native_masks,
    write_rows,
)
from busicli.errors import InputError
from busicli.evaluation.evaluate import score_scan
from busicli.imaging.arrays import Box
from busicli.imaging.field import find_fields
from busicli.imaging.preprocess import network_image, network_mask
from busicli.inference.engines import Predictions
from busicli.io.images import decode_scan, encode_mask
from busicli.io.masks import decode_mask
from busicli.settings import PreprocessSettings, SplitSettings, TunedSettings
from busicli.types import Case, Failed, Fingerprint, SourceCase
from tests.dicom_maker import region, ultrasound

SMALL = PreprocessSettings(size_px=16)
INFO = {"preprocess": asdict(SMALL), "datasets": {"a": 3}}


def empty_files(folder: Path, *names: str) -> Path:
    """Readers look at names only, so the files hold nothing."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def write_table(folder: Path, *lines: str) -> Path:
    table = folder / "cases.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def reported(errors: list[Failed]) -> set[tuple[str, str]]:
    return {(error.what, error.reason) for error in errors}


# --- BUSI's layout


def test_the_phantoms_are_read_as_busi(scans):
    cases, errors = read_folder(scans, "phantoms")
    assert errors == []
    labels = [case.label for case in cases]
    assert [labels.count(name) for name in ("benign", "malignant", "normal")] == [10, 8, 6]
    by_name = {case.case: case for case in cases}
    assert len(by_name) == 24
    # as BUSI's own, these two have a second lesion in a mask of its own
    assert [len(by_name[f"phantom-{n}"].masks) for n in ("06", "09", "01")] == [2, 2, 1]
    assert {(case.dataset, case.group, case.split) for case in cases} == {("phantoms", "", "")}


def test_only_a_normal_scan_may_lack_its_mask(tmp_path):
    empty_files(tmp_path, "benign/a (1).png", "malignant/m.png", "normal/n.png")
    cases, errors = read_folder(tmp_path, "d")
    assert [(case.case, case.masks) for case in cases] == [("n", ())]
    assert reported(errors) == {
        ("benign/a (1).png", "has no mask a (1)_mask.png"),
        ("malignant/m.png", "has no mask m_mask.png"),
    }


def test_a_mask_without_its_scan_is_reported(tmp_path):
    empty_files(tmp_path, "benign/a.png", "benign/a_mask.png", "benign/b_mask_1.png")
    cases, errors = read_folder(tmp_path, "d")
    assert [case.case for case in cases] == ["a"]
    assert reported(errors) == {("benign/b_mask_1.png", "is a mask without its scan")}


def test_files_that_are_no_images_are_passed_over(tmp_path):
    empty_files(tmp_path, "normal/a.JPG", "normal/Thumbs.db", "normal/readme.txt", "notes.txt")
    cases, errors = read_folder(tmp_path, "d")
    assert ([case.case for case in cases], errors) == (["a"], [])


@pytest.mark.parametrize("content", [(), ("images/a.png",), ("a.png",)])
def test_a_folder_of_neither_layout_is_refused(tmp_path, content):
    empty_files(tmp_path, *content)
    with pytest.raises(InputError, match="neither the folders benign, malignant, normal"):
        read_folder(tmp_path, "d")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        read_folder(tmp_path / "gone", "d")


@pytest.mark.parametrize("folder", ["Malignant", "malignant/images", "train/MALIGNANT", "images"])
def test_class_folders_of_any_case_may_hold_others_or_lie_in_them(tmp_path, folder):
    folder = "images/malignant" if folder == "images" else folder
    empty_files(tmp_path, f"{folder}/a.png", f"{folder.replace('images', 'masks')}/a_mask.png")
    cases, errors = read_folder(tmp_path, "d")
    assert errors == []
    (case,) = cases
    assert (case.case, case.label) == ("a", "malignant")
    assert case.scan == tmp_path / folder / "a.png"
    assert len(case.masks) == 1


def test_folders_of_classes_may_be_links(tmp_path):
    empty_files(tmp_path, "disk/m/a.png", "disk/m/a_mask.png", "busi/benign/b.png")
    empty_files(tmp_path, "busi/benign/b_mask.png")
    (tmp_path / "busi" / "malignant").symlink_to(tmp_path / "disk" / "m")
    (tmp_path / "busi" / "malignant" / "circle").symlink_to(tmp_path / "busi")
    cases, errors = read_folder(tmp_path / "busi", "d")
    assert ([case.case for case in cases], errors) == (["b", "a"], [])


def test_scans_in_no_folder_of_a_class_are_reported_a_folder_at_a_time(tmp_path):
    empty_files(tmp_path, "normal/n.png", "cysts/a.png", "cysts/a_mask.png", "cysts/b.png")
    _, errors = read_folder(tmp_path, "d")
    assert reported(errors) == {
        (
            "cysts",
            "holds 2 images, but neither it nor a folder around it is named benign, malignant or "
            "normal",
        )
    }


def test_scans_of_one_name_are_told_by_their_folders(tmp_path):
    folders = ("benign/p1", "benign/p2", "malignant")
    names = [f"{folder}/1{mark}.png" for folder in folders for mark in ("", "_mask")]
    cases, errors = read_folder(
        empty_files(tmp_path, *names, "benign/2.png", "benign/2_gt.png"), "d"
    )
    assert errors == []
    assert [case.case for case in cases] == ["2", "benign/p1/1", "benign/p2/1", "malignant/1"]


def test_masks_of_other_structures_are_no_lesion(tmp_path):
    files = ("benign/a.png", "benign/a_tumor.png", "benign/a_other1.png", "benign/._a.png")
    (case,), errors = read_folder(empty_files(tmp_path, *files), "d")
    assert errors == []
    assert case.masks == (tmp_path / "benign" / "a_tumor.png",)


# --- BUS-BRA's layout


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


# --- BrEaST's layout

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


# --- objections of BUSI's curators

LISTED = ("benign (42)", "152c20fa822942fb67756465dd3881003ee4086b6348f867da0f8f99630e9d6f")


def test_the_list_holds_what_the_curators_published():
    table = Path(objections.__file__).with_name("busi_objections.csv").read_text(encoding="utf-8")
    kinds = [line.split(",")[1] for line in table.splitlines()[1:]]
    counts = {kind: kinds.count(kind) for kind in objections.OBJECTIONS}
    assert counts == {"axilla": 70, "needle": 7, "multiclass": 19}
    assert len(kinds) == 96


def test_objections_go_by_name_in_busis_layout_alone(tmp_path):
    empty_files(tmp_path, "normal/normal (34).png", "normal/normal (5).png")
    cases, _ = read_folder(tmp_path, "d")
    assert {case.case: case.objection for case in cases} == {
        "normal (34)": "multiclass",
        "normal (5)": "",
    }
    table = write_table(tmp_path, "scan,class", "normal/normal (34).png,normal")
    (case,), _ = read_table(table, "mine")
    assert case.objection == ""


def test_objections_go_by_content_under_any_name(scans):
    # One scan with the listed image's hash, one with the listed name, and one with neither.
    sources = [replace(phantom(scans), case=f"case {n}", split="test") for n in range(3)]
    sources[1] = replace(sources[1], objection="needle")
    first, second, third = map(prepared_case, sources)
    first = replace(first, fingerprint=replace(first.fingerprint, pixels_sha256=LISTED[1]))
    read = LoadedCases([first, second, third], np.stack([first.thumbnail] * 3))
    found = assign_splits(read, SplitSettings(), None)
    assert [case.objection for case in found] == ["multiclass", "needle", ""]
    assert objections.objection_by_name(LISTED[0]) == "multiclass"


# --- anyone's table


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


# --- one case, from files to arrays


def phantom(scans: Path, name: str = "phantom-06") -> SourceCase:
    return next(case for case in read_folder(scans, "phantoms")[0] if case.case == name)


def prepared_case(source: SourceCase) -> PreparedCase:
    found = CasePreparation(SMALL)(source)
    assert isinstance(found, PreparedCase), found
    return found


def test_a_dicom_scan_of_one_frame_is_cut_to_its_region(tmp_path):
    grey = (np.arange(60 * 80).reshape(60, 80) % 251).astype(np.uint8)
    tissue = region((10, 20, 49, 69), 0.01, 0.02)  # its last row and column are within
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:60] = True
    (tmp_path / "a.dcm").write_bytes(ultrasound(grey, regions=[tissue]))
    (tmp_path / "a.png").write_bytes(encode_mask(mask))
    source = SourceCase(
        dataset="d",
        case="a",
        label="benign",
        scan=tmp_path / "a.dcm",
        masks=(tmp_path / "a.png",),
    )
    assert SMALL.views == "auto"
    found = prepared_case(source)
    assert (found.shape, found.view) == ((60, 80), (10, 20, 50, 70))
    assert (found.mask == network_mask(mask[10:50, 20:70], SMALL)).all()
    (tmp_path / "a.dcm").write_bytes(ultrasound(np.stack([grey, grey])))
    failed = CasePreparation(SMALL)(source)
    assert isinstance(failed, Failed)
    assert "has 2 frames; one is needed" in failed.reason


def test_a_scan_that_is_a_mask_is_refused(scans, tmp_path):
    source = phantom(scans)
    failed = CasePreparation(SMALL)(replace(source, scan=source.masks[0]))
    assert isinstance(failed, Failed)
    assert failed.reason == "has at most two greys, as masks have; give the scan"


def only_field(scan: np.ndarray) -> Box:
    (box,) = find_fields(scan).boxes
    return box


@pytest.mark.parametrize(
    ("regions", "view", "doubts"),
    [
        ([(10, 20, 49, 69), (10, 20, 49, 69)], (10, 20, 50, 70), ()),  # twice the same
        ([(10, 20, 49, 69), (20, 30, 39, 59)], (10, 20, 50, 70), ()),  # one within the other
        ([(10, 20, 49, 69), (0, 0, 7, 7)], (10, 20, 50, 70), ()),  # an icon
        ([(10, 5, 49, 39), (5, 42, 49, 74)], (5, 5, 50, 75), ("several views taken as one",)),
    ],
)
def test_regions_of_the_header_are_told_as_segment_dir_does(tmp_path, regions, view, doubts):
    grey = (np.arange(60 * 80).reshape(60, 80) % 251).astype(np.uint8)
    tissue = [region(box, 0.01, 0.01) for box in regions]
    (tmp_path / "a.dcm").write_bytes(ultrasound(grey, regions=tissue))
    source = SourceCase(dataset="d", case="a", label="", scan=tmp_path / "a.dcm", masks=())
    found = prepared_case(source)
    assert (found.view, found.doubts) == (view, doubts)


def test_a_scan_is_cut_to_its_field_before_it_is_resized(tmp_path):
    scan = np.zeros((120, 160, 3), np.uint8)
    grain = np.random.default_rng(0).integers(60, 200, (80, 90, 1)).astype(np.uint8)
    scan[20:100, 30:120] = grain
    mask = np.zeros((120, 160), bool)
    mask[40:60, 50:90] = True
    Pillow.fromarray(scan).save(tmp_path / "x.png")
    (tmp_path / "x_mask.png").write_bytes(encode_mask(mask))
    source = SourceCase(
        dataset="d", case="x", label="", scan=tmp_path / "x.png", masks=(tmp_path / "x_mask.png",)
    )
    rows, columns = box = only_field(scan)
    prepared = prepared_case(source)
    assert prepared.shape == (120, 160)
    assert (prepared.image == network_image(scan[box], SMALL)).all()
    assert (prepared.mask == network_mask(mask[box], SMALL)).all()
    assert (decode_mask(prepared.native_mask) == mask).all()  # at the scan's own size
    corners = (rows.start, columns.start, rows.stop, columns.stop)
    assert prepared.view == (None if corners == (0, 0, 120, 160) else corners)
    whole = CasePreparation(replace(SMALL, views="whole"))(source)
    assert isinstance(whole, PreparedCase)
    assert whole.view is None
    assert (whole.image == network_image(scan, SMALL)).all()
    assert whole.fingerprint == prepared.fingerprint  # near copies are told by the whole scan
    assert (whole.thumbnail == prepared.thumbnail).all()


def test_several_masks_are_united(scans):
    source = phantom(scans)
    parts = [decode_mask(path.read_bytes()) for path in source.masks]
    assert not (parts[0] & parts[1]).any()  # two lesions apart
    prepared = prepared_case(source)
    assert (decode_mask(prepared.native_mask) == parts[0] | parts[1]).all()
    assert (prepared.mask == network_mask(parts[0] | parts[1], SMALL)).all()


def test_a_prepared_case_holds_the_scan_at_the_networks_size(scans):
    source = phantom(scans)
    scan = decode_scan(source.scan.read_bytes())
    prepared = prepared_case(source)
    assert prepared.shape == scan.shape[:2]
    assert (prepared.image == network_image(scan, SMALL)).all()


def test_a_scan_without_masks_has_an_empty_one(scans):
    prepared = prepared_case(replace(phantom(scans), masks=()))
    assert not prepared.mask.any()
    assert not decode_mask(prepared.native_mask).any()


def test_one_image_stored_twice_has_one_fingerprint_of_its_pixels(scans, tmp_path):
    source = phantom(scans)
    with Pillow.open(source.scan) as image:
        image.convert("RGB").save(tmp_path / "copy.tif")
    first = prepared_case(source).fingerprint
    second = prepared_case(replace(source, scan=tmp_path / "copy.tif")).fingerprint
    assert first.sha256 != second.sha256
    assert (first.pixels_sha256, first.phash) == (second.pixels_sha256, second.phash)


def test_a_transposed_image_has_another_fingerprint(scans, tmp_path):
    # The same bytes as 4 x 6 and as 6 x 4 pixels.
    prints = []
    for shape in ((4, 6), (6, 4)):
        Pillow.fromarray(np.arange(24, dtype=np.uint8).reshape(shape)).save(tmp_path / "x.png")
        source = replace(phantom(scans), scan=tmp_path / "x.png", masks=())
        prints.append(prepared_case(source).fingerprint.pixels_sha256)
    assert prints[0] != prints[1]


def test_a_mask_of_another_size_is_an_error_that_names_both_sizes(scans, tmp_path):
    folder = tmp_path / "benign"
    folder.mkdir()
    (folder / "x_mask.png").write_bytes(encode_mask(np.ones((30, 20), bool)))
    source = replace(phantom(scans), masks=(folder / "x_mask.png",))
    rows, columns = decode_scan(source.scan.read_bytes()).shape[:2]
    assert CasePreparation(SMALL)(source) == Failed(
        "benign/x_mask.png", f"is 30 x 20 px but its scan is {rows} x {columns}"
    )


@pytest.mark.parametrize("broken", ["scan", "mask"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("cut", "is damaged or cut short; copy it again from its source"),
        ("empty", "is empty; copy it again from its source"),
        ("gone", "cannot be read: No such file or directory"),
        ("folder", "cannot be read: Is a directory"),
    ],
)
def test_an_unreadable_file_is_an_error_with_its_own_name(scans, tmp_path, broken, kind, reason):
    source = phantom(scans)
    path = tmp_path / "benign" / "bad.png"
    path.parent.mkdir()
    if kind == "cut":
        path.write_bytes(source.scan.read_bytes()[:500])
    elif kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    source = replace(source, scan=path) if broken == "scan" else replace(source, masks=(path,))
    assert CasePreparation(SMALL)(source) == Failed("benign/bad.png", reason)


def test_too_many_pixels_are_an_error(scans):
    found = CasePreparation(SMALL, max_pixels=100)(phantom(scans))
    assert isinstance(found, Failed)
    assert "at most 100 are decoded" in found.reason


# --- the prepared folder


def stored_case(number: int, split: str, index: int, **values) -> Case:
    return Case(
        case=values.pop("case", f"case {number}"),
        dataset="a",
        label="benign",
        split=split,
        group=number,
        index=index,
        height=20,
        width=30,
        fingerprint=Fingerprint(sha256=f"{number:064x}", pixels_sha256="ab" * 32, phash="0" * 16),
        mask_sha256="cd" * 32,
        sources=values.pop("sources", (f"benign/{number}.png", f"benign/{number}_mask.png")),
        **values,
    )


def native(number: int) -> np.ndarray:
    mask = np.zeros((20, 30), bool)
    mask[number, :] = True
    return mask


def store(folder: Path, cases: list[Case]) -> PreparedData:
    """Cases whose image holds their number in every pixel, and whose native mask its row."""
    images = np.array([np.full((16, 16, 3), case.group, np.uint8) for case in cases])
    masks = images[..., 0] % 2
    for split in ("train", "val", "test"):
        order = sorted((c.index, row) for row, c in enumerate(cases) if c.split == split)
        rows = [row for _, row in order]
        encoded = (encode_mask(native(cases[row].group)) for row in rows)
        write_rows(folder / split / "images.npy", images, rows)
        write_rows(folder / split / "masks.npy", masks, rows)
        write_native_masks(folder / split, encoded)
    write_index(folder, cases, INFO)
    return open_data(folder)


THREE = [stored_case(1, "train", 1), stored_case(2, "train", 0), stored_case(3, "val", 0)]


def test_a_stored_folder_comes_back_as_it_was(tmp_path):
    data = store(tmp_path / "data", THREE)
    assert data.cases == tuple(THREE)
    assert data.preprocess == SMALL
    assert data.info["datasets"] == {"a": 3}
    train = data.load("train")
    assert [case.group for case in train.cases] == [2, 1]  # by index
    assert (train.images.shape, train.images.dtype) == ((2, 16, 16, 3), np.uint8)
    assert (train.masks.shape, train.masks.dtype) == ((2, 16, 16), np.uint8)
    assert [int(image.max()) for image in train.images] == [2, 1]
    assert [int(mask.max()) for mask in train.masks] == [0, 1]
    assert (train.native_mask(0) == native(2)).all()
    assert (train.native_mask(1) == native(1)).all()


def test_an_empty_split_is_loaded_with_its_shape(tmp_path):
    test = store(tmp_path / "data", THREE).load("test")
    assert (test.images.shape, test.masks.shape, test.cases) == ((0, 16, 16, 3), (0, 16, 16), ())


def test_the_fingerprint_is_of_the_data_and_not_of_the_position(tmp_path):
    first = store(tmp_path / "one", THREE).fingerprint
    assert store(tmp_path / "two", THREE).fingerprint == first
    renamed = [replace(case, case=f"other {case.group}") for case in THREE]
    assert store(tmp_path / "renamed", renamed).fingerprint == first


@pytest.mark.parametrize("what", ["scan", "split", "order", "mask"])
def test_the_fingerprint_changes_with_the_data(tmp_path, what):
    first = store(tmp_path / "one", THREE).fingerprint
    pixels = replace(THREE[0].fingerprint, pixels_sha256="cd" * 32)
    others = {
        "scan": [replace(THREE[0], fingerprint=pixels), *THREE[1:]],
        "split": [*THREE[:2], replace(THREE[2], split="test")],
        "order": [replace(THREE[0], index=0), replace(THREE[1], index=1), THREE[2]],
        "mask": [*THREE[:2], replace(THREE[2], mask_sha256="ef" * 32)],
    }
    assert store(tmp_path / "two", others[what]).fingerprint != first


def test_objections_and_views_come_back_as_they_were(tmp_path):
    cases = [replace(THREE[0], objection="axilla", view=(2, 3, 20, 29)), *THREE[1:]]
    data = store(tmp_path / "data", cases)
    assert data.cases == tuple(cases)
    assert data.cases[0].box == (slice(2, 20), slice(3, 29))
    assert data.cases[1].box == (slice(0, 20), slice(0, 30))


def test_the_fingerprint_knows_views_and_no_objections(tmp_path):
    first = store(tmp_path / "one", THREE).fingerprint
    objected = [replace(THREE[0], objection="axilla"), *THREE[1:]]
    assert store(tmp_path / "two", objected).fingerprint == first
    cut = [replace(THREE[0], view=(0, 0, 20, 29)), *THREE[1:]]
    assert store(tmp_path / "three", cut).fingerprint != first


def test_data_of_before_there_were_views_are_whole_and_the_same(tmp_path):
    whole = {"preprocess": {"size_px": 16, "aspect": "stretch", "views": "whole"}}
    older = {"preprocess": {"size_px": 16}}
    first = write_index(tmp_path, THREE, whole)
    assert write_index(tmp_path, THREE, older) == first
    assert open_data(tmp_path).preprocess.views == "whole"


@pytest.mark.parametrize("view", [(0, 0, 21, 30), (5, 0, 5, 30), (0, 31, 20, 30)])
def test_a_view_that_does_not_fit_its_scan_is_refused(tmp_path, view):
    write_index(tmp_path, [replace(THREE[0], view=view)], INFO)
    with pytest.raises(InputError, match="incomplete or were changed"):
        open_data(tmp_path)


def test_a_map_is_scored_where_its_view_lies(tmp_path):
    # A map of ones fills the view, 10 x 20 of 20 x 30 pixels; the reference is all 30 of row 7, of
    # which 20 are in the view: 2 * 20 / (200 + 30). The network's own copy of it plays no part.
    case = replace(stored_case(7, "test", 0), view=(5, 10, 15, 30), objection="needle")
    scans = store(tmp_path / "data", [case]).load("test")
    ones = Predictions(np.ones((1, 16, 16), np.float32))
    found = score_scan(scans, 0, ones, TunedSettings()).score
    assert (found.predicted_area_px, found.reference_area_px) == (200, 30)
    assert found.dice == pytest.approx(40 / 230)
    assert (found.scan_px, found.objection) == (600, "needle")


@pytest.mark.parametrize(
    "doubt", ["rest of the image missing", "uncertain greys", "no certain ultrasound field"]
)
def test_what_was_assumed_of_a_scan_is_kept_and_asks_for_a_review(tmp_path, doubt):
    cases = [stored_case(1, "train", 0, doubts=(doubt,)), stored_case(2, "train", 1)]
    scans = store(tmp_path / "data", cases).load("train")
    assert [case.doubts for case in scans.cases] == [(doubt,), ()]
    nothing = Predictions(np.zeros((2, 16, 16), np.float32))
    scored = [score_scan(scans, index, nothing, TunedSettings()).score for index in (0, 1)]
    assert [score.review for score in scored] == [True, False]


def test_names_of_every_kind_are_stored_as_text(tmp_path):
    names = [os.fsdecode(b"caf\xe9 1"), 'a "quoted", name', "two\nlines"]
    cases = [
        replace(case, case=name, sources=(f"benign/{name}.png",))
        for case, name in zip(THREE, names, strict=True)
    ]
    found = store(tmp_path / "data", cases).cases
    assert [case.case for case in found] == ["caf%E9 1", 'a "quoted", name', "two%0Alines"]
    assert found[0].sources == ("benign/caf%E9 1.png",)


def test_a_folder_without_prepared_data_says_how_to_make_them(tmp_path):
    with pytest.raises(InputError, match=r"busicli preprocess DATASET --out .*gone$"):
        open_data(tmp_path / "gone")


def damage(folder: Path, kind: str) -> None:
    table, document = folder / "cases.csv", folder / "dataset.json"
    text = table.read_text()
    if kind == "no table":
        table.unlink()
    elif kind == "table cut within a line":
        table.write_text(text[:-200])
    elif kind == "table cut between lines":
        table.write_text("".join(text.splitlines(keepends=True)[:-1]))
    elif kind == "unknown split":
        table.write_text(text.replace(",val,", ",holdout,"))
    elif kind == "no column":
        table.write_text(text.replace("phash", "hash"))
    elif kind == "no JSON":
        document.write_text("{")
    elif kind == "JSON of another kind":
        document.write_text("[1, 2]")
    elif kind == "settings of another kind":
        document.write_text(json.dumps({**INFO, "preprocess": {"size_px": "16"}}))
    elif kind == "no images":
        (folder / "val" / "images.npy").unlink()
    elif kind == "images cut short":
        data = (folder / "val" / "images.npy").read_bytes()
        (folder / "val" / "images.npy").write_bytes(data[:-100])
    elif kind == "images of another split":
        shutil.copy(folder / "train" / "images.npy", folder / "val" / "images.npy")
    elif kind == "pickled objects":
        np.save(folder / "val" / "masks.npy", np.array([{}], object), allow_pickle=True)


@pytest.mark.parametrize(
    "kind",
    [
        "no table",
        "table cut within a line",
        "table cut between lines",
        "unknown split",
        "no column",
        "no JSON",
        "JSON of another kind",
        "settings of another kind",
        "no images",
        "images cut short",
        "images of another split",
        "pickled objects",
    ],
)
def test_a_damaged_folder_is_refused_in_one_sentence(tmp_path, kind):
    store(tmp_path / "data", THREE)
    damage(tmp_path / "data", kind)
    with pytest.raises(InputError, match=r"incomplete or were changed; run preprocess again\.$"):
        open_data(tmp_path / "data").load("val")


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
