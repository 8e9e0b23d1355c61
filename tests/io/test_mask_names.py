from pathlib import PurePosixPath

import pytest

from busicli.io.mask_names import masks_by_name, scan_stem, twins


def masks(*names):
    """Masks by their scans' names, of files with these names."""
    found = masks_by_name(map(PurePosixPath, names))
    return {str(path): str(mask.scan) for path, mask in found.items()}


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("benign (1)_mask", "benign (1)"),
        ("benign (1)_mask_2", "benign (1)"),
        ("a_mask_b", None),
        ("a_masked", None),
        ("_mask", None),
        ("a\nb_mask", "a\nb"),
        ("a_cp_masks", "a"),
        ("a.jpg_mask", "a"),
        ("case001_other1", "case001"),
        ("1.2.840.10008-gt", "1.2.840.10008"),
    ],
)
def test_a_masks_name_tells_its_scan(name, stem):
    assert scan_stem(name) == stem


MARKS = ("_Mask", "_GT", "_seg", "_segmentation", "_tumor", "-mask", "_label", "_annotation")


MORE = (
    *("_mask (2)", " mask 01", " (mask)", "_lesion_mask", "_mask_roi1", "__gt", "_bin_mask"),
    *("Mask", "SegMask", "GroundTruth", "_ground_truth", "-label-map", "_outline", "_manual"),
)


@pytest.mark.parametrize("mark", [*MARKS, *map(str.upper, MARKS), *MORE])
def test_a_mark_of_any_case_is_a_mask_beside_its_scan_alone(mark):
    assert masks("a.png", f"a{mark}.png") == {f"a{mark}.png": "a.png"}
    assert masks(f"a{mark}.png", "b.png") == {}


@pytest.mark.parametrize(
    ("scan", "mask"),
    [
        ("images/a.png", "masks/a.png"),
        ("Images/a.jpg", "Masks/a.PNG"),
        ("images/a.png", "masks/a_mask.png"),
        ("Images/bus_0001-l.png", "Masks/mask_0001-l.png"),  # BUS-BRA
        ("imagesTr/a_0000.png", "labelsTr/a.png"),  # nnU-Net
        ("JPEGImages/a.jpg", "SegmentationClass/a.png"),  # VOC
        ("original/7.png", "GT/7.png"),
        ("test-image/7.png", "test-mask/7.png"),
        ("train/images/7.png", "train/masks/7.png"),
        ("images/train/7.png", "ground_truth/train/7.png"),
        ("benign/7.png", "benign_masks/7.png"),
        ("a.dcm", "masks/a.png"),
        ("p1/image.png", "p1/mask.png"),
        ("p1/image.png", "p1/mask_2.png"),
        ("x_with_GT/a.png", "x_with_GT/a_mask.png"),
        ("x_GT/a.png", "x_GT/a_mask.png"),
        ("images_and_masks/a.png", "images_and_masks/a_tumor.png"),  # BrEaST
        ("1.2.840", "1.2.840_mask.png"),  # a scanner's name without a suffix
        ("image12.png", "mask12.png"),
        ("images/a.png", "masks_2/a.png"),  # a second reader's
        ("images_2/a.png", "masks_2/a.png"),
        ("tumor_1.png", "tumor_1_mask.png"),
        ("images/lesion_1.png", "masks/lesion_1.png"),
        ("img/p3_lesion_2.png", "gt/p3_lesion_2.png"),
    ],
)
def test_folders_of_masks_go_with_folders_of_scans(scan, mask):
    assert masks(scan, mask) == {mask: scan}


@pytest.mark.parametrize(
    "names",
    [
        ("train/images/7.png", "test/masks/7.png"),
        ("p1/7.png", "p2/7.png"),
        ("masks/7.png", "masks/8.png"),
        ("a.txt", "a_mask.png"),
        ("a.png", "a_mask.json"),
        ("label.png", "seg.png"),
    ],
)
def test_other_files_are_no_masks(names):
    assert masks(*names) == {}


def test_words_that_scans_may_have_leave_the_content_to_decide():
    files = map(PurePosixPath, ("a.png", "a_mask.png", "a_label.png", "a_other1.png"))
    found = {str(path): mask for path, mask in masks_by_name(files).items()}
    assert [found[f"a_{mark}.png"].certain for mark in ("mask", "label", "other1")] == [
        True,
        False,
        False,
    ]
    assert not found["a_other1.png"].lesion


def test_a_mark_that_scans_may_have_is_their_own_without_a_scan_before_it():
    assert masks("p3_lesion_1.png", "p3_lesion_2.png") == {}
    assert masks("p3.png", "p3_lesion_1.png") == {"p3_lesion_1.png": "p3.png"}
    assert masks("p3_lesion_1.png", "p3_lesion_1_mask.png", "p3_lesion_2.png") == {
        "p3_lesion_1_mask.png": "p3_lesion_1.png"
    }


def test_twins_differ_in_one_folder():
    names = ("A/x/1.png", "B/x/1.png", "B/y/1.png", "1.png", "A/x/2.png")
    found = twins(map(PurePosixPath, names))
    assert {str(path): [str(p) for p in others] for path, others in found.items()} == {
        "A/x/1.png": ["B/x/1.png"],
        "B/x/1.png": ["A/x/1.png", "B/y/1.png"],
        "B/y/1.png": ["B/x/1.png"],
    }
