"""DICOM ultrasound objects made from arrays, as scanners write them, for the tests."""

import io
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

PATIENT = "PLANTED^NAME"
PATIENT_ID = "PLANTED-ID-4711"
PILLOW = {JPEGBaseline8Bit: "JPEG", JPEG2000: "JPEG2000"}


def region(box: tuple[int, int, int, int], row_cm: float, column_cm: float, **changes) -> Dataset:
    """An ultrasound region of tissue; `box` is first row, first column, last row, last column."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinY0, item.RegionLocationMinX0 = box[:2]
    item.RegionLocationMaxY1, item.RegionLocationMaxX1 = box[2:]
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaY, item.PhysicalDeltaX = row_cm, column_cm
    for name, value in changes.items():
        setattr(item, name, value)
    return item


def ultrasound(
    pixels: np.ndarray,
    *,
    syntax: str = ExplicitVRLittleEndian,
    photometric: str = "",
    regions: Sequence[Dataset] = (),
    without: Sequence[str] = (),
    **changes,
) -> bytes:
    """The bytes of an object of (frames, rows, columns[, 3]) or, of one frame, without the first.

    Further attributes come by name, `without` takes some away again.
    """
    colour = pixels.shape[-1] == 3
    cine = pixels.ndim == (4 if colour else 3)
    frames = pixels if cine else pixels[None]
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.SOPClassUID = UltrasoundMultiFrameImageStorage if cine else UltrasoundImageStorage
    made.SOPInstanceUID, made.StudyInstanceUID = generate_uid(), generate_uid()
    made.SeriesInstanceUID = generate_uid()
    made.Modality, made.Manufacturer = "US", "Phantoms"
    made.PatientName, made.PatientID = PATIENT, PATIENT_ID
    made.PatientBirthDate, made.PatientSex = "19700102", "F"
    made.StudyDate, made.StudyTime = "20200304", "050607"
    made.AccessionNumber, made.StudyID, made.ReferringPhysicianName = "A1", "S1", "PLANTED^DOCTOR"
    made.InstitutionName = "PLANTED HOSPITAL"
    made.Rows, made.Columns = frames.shape[1:3]
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = photometric or ("RGB" if colour else "MONOCHROME2")
    if colour:
        made.PlanarConfiguration = 0
    if cine:
        made.NumberOfFrames, made.FrameTime = len(frames), 40
    bits = 8 * pixels.dtype.itemsize
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit, made.PixelRepresentation = bits - 1, 0
    if regions:
        made.SequenceOfUltrasoundRegions = list(regions)
    if syntax in PILLOW:
        made.PixelData = encapsulate([_stream(frame, PILLOW[syntax]) for frame in frames])
        made["PixelData"].VR = "OB"
    else:
        made.PixelData = frames.tobytes()
        made["PixelData"].VR = "OW" if bits > 8 else "OB"
    for name, value in changes.items():
        setattr(made, name, value)
    for name in without:
        delattr(made, name)
    return written(made)


def written(made: Dataset) -> bytes:
    """The bytes of a data set, compressed if its transfer syntax asks for it."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values that no standard allows are wanted here
        made.save_as(file, enforce_file_format=True)
    return file.getvalue()


def compressed(data: bytes, syntax: str) -> bytes:
    """The same object with its pixels in another transfer syntax, by pydicom's own encoders."""
    from pydicom import dcmread

    made = dcmread(io.BytesIO(data))
    made.compress(syntax, generate_instance_uid=False)
    return written(made)


def _stream(frame: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    options = {"quality": 95} if form == "JPEG" else {"irreversible": False, "no_jp2": True}
    Pillow.fromarray(frame).save(file, form, **options)
    return file.getvalue()
