from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from busicli.data.prepare_case import CasePreparation, PreparedCase
from busicli.imaging.arrays import Box
from busicli.imaging.field import find_fields
from busicli.imaging.preprocess import network_image, network_mask
from busicli.io.images import decode_scan, encode_mask
from busicli.io.masks import decode_mask
from busicli.types import Failed, SourceCase
from tests.data.made_sources import SMALL, phantom, prepared_case
from tests.dicom_maker import region, ultrasound


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
