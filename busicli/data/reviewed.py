"""Scans that a person has reviewed, in a folder that `segment-dir` wrote, as a data set."""

from collections.abc import Iterator
from pathlib import Path

from busicli.errors import InputError
from busicli.io.dicom.read import reading
from busicli.io.files import sha256_file
from busicli.io.scan_results import FrameMask, ScanResult, parse_manifest_line
from busicli.io.written_paths import WrittenPaths
from busicli.types import Failed, Found, SourceCase

USED = ("accepted", "edited", "no_lesion")
"""Decisions that make a scan fit for training; a rejected one is of no use."""


def read_reviewed(out: Path, name: str) -> Found:
    """The cases of OUT that a person accepted, edited or found without a lesion.

    Images are those under `images/`; each frame of a file is a case. A scan without a lesion is
    normal, another one has the class that the person gave. Scans of one patient are a group where
    the manifest or DICOM results name the patient. Raises InputError where OUT holds no manifest.
    """
    manifest = out / "manifest.jsonl"
    if not manifest.is_file():
        raise InputError(f"{out} holds no manifest.jsonl; name a folder that segment-dir wrote.")
    written = {folder: WrittenPaths(out / folder) for folder in ("images", "masks", "dicom")}
    cases: list[SourceCase] = []
    errors: list[Failed] = []
    with manifest.open("rb") as file:
        for result, _ in map(parse_manifest_line, file):
            for mask in result.masks:
                if mask.decision in USED:
                    found = _case(out, name, result, mask, written)
                    (errors if isinstance(found, Failed) else cases).append(found)  # type: ignore[arg-type]
    return cases, errors


def _case(
    out: Path, name: str, result: ScanResult, mask: FrameMask, written: dict[str, WrittenPaths]
) -> SourceCase | Failed:
    below = mask.path.removeprefix("masks/")
    image, own = (written[folder].find(below) for folder in ("images", "masks"))
    if image is None or own is None:
        return Failed(mask.path, "has no image or no mask; run segment-dir again with --report")
    if sha256_file(out / "masks" / own) != mask.sha256:
        return Failed(mask.path, "is not the mask that was reviewed; run busicli review OUT")
    label = result.reviewed.label if result.reviewed else ""
    if mask.polygons and label == "normal":
        return Failed(mask.path, "holds a lesion but was called normal; review it again")
    if not mask.polygons and label not in ("", "normal"):
        return Failed(mask.path, f"holds no lesion but was called {label}; review it again")
    return SourceCase(
        dataset=name,
        case=below,
        label=label if mask.polygons else "normal",
        scan=out / "images" / image,
        masks=(out / "masks" / own,) if mask.polygons else (),
        group=_patient(out, result, written["dicom"]),
    )


def _patient(out: Path, result: ScanResult, written: WrittenPaths) -> str:
    """What the patient is called by the manifest, else by a DICOM result; empty where unknown."""
    known = (result.identifiers or {}).get("patient_id", "")
    return known or next(filter(None, _patients(out, result, written)), "")


def _patients(out: Path, result: ScanResult, written: WrittenPaths) -> Iterator[str]:
    from pydicom import dcmread  # slow to load, and images need none

    from busicli.io.dicom.source import REMOVED

    for made in result.dicom or ():
        path = written.find(made.path.removeprefix("dicom/"))
        if path is not None:
            with reading():
                header = dcmread(out / "dicom" / path, specific_tags=["PatientID"])
                patient = str(header.get("PatientID") or "")
            yield "" if patient == REMOVED else patient
