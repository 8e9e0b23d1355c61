"""The table of the files that are written for each scan: a new kind of file is one entry here."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from busicli.batch.dicom_outputs import (
    DicomSource,
    FrameImage,
    ScanFrames,
    encode_capture,
    encode_report,
    encode_segmentation,
    no_capture,
    no_object,
    no_segmentation,
)
from busicli.imaging.contour import contour_mask, view_outline
from busicli.io.escaping import percent_escape
from busicli.io.files import read_regular, sha256_bytes
from busicli.io.images import encode_bare, encode_mask, encode_overlay, encode_probability
from busicli.io.output_paths import KINDS, own_folder
from busicli.io.scan_results import ScanResult
from busicli.report.thumbnail import encode_thumbnail
from busicli.types import Image, Mask, View

DrawFrame = Callable[[Image, Mask, Sequence[View]], bytes]
_NUMBER = "[0-9][0-9][0-9][0-9]"
_RUN_FILES = ("lesions.csv", "manifest.jsonl", "run.json", "report.html")


def _never(_: DicomSource | None, __: int) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One kind of file that a scan may have."""

    name: str
    """As in `SegmentRequest.outputs`."""
    folder: str
    """Below OUT."""
    suffix: str = ""
    """Behind the name of the image, or of the scan for DICOM objects."""
    draw_frame: DrawFrame | None = field(default=None, repr=False)
    """The file of one frame where image, mask and views are enough: no network is needed to add
    it."""
    encode_frame: Callable[[FrameImage], bytes] | None = field(default=None, repr=False)
    """The file of one frame where they are not."""
    encode_scan: Callable[[ScanFrames], bytes] | None = field(default=None, repr=False)
    """The file of the whole scan. One of the three is there."""
    shows_scan: bool = False
    """Whether people see the scan's own pixels in it, and what text is burned into them."""
    left_out: Callable[[DicomSource | None, int], str] = field(default=_never, repr=False)
    """Why a scan of so many frames has none; empty where it has."""

    @property
    def is_object(self) -> bool:
        """Whether it is a DICOM object, which not every scan has and the manifest lists."""
        return self.name in KINDS

    def path(self, relative: PurePosixPath, frame: int, frames: int) -> PurePosixPath:
        """Below OUT; frame 0 is the whole scan. Several frames have a folder.

        >>> masks, capture = OUTPUTS[0], OUTPUTS[-1]
        >>> str(masks.path(PurePosixPath("a/x.png"), 1, 1))
        'masks/a/x.png'
        >>> str(masks.path(PurePosixPath("x.tif"), 2, 30))
        'masks/x.tif/0002.png'
        >>> str(capture.path(PurePosixPath("x.dcm"), 1, 1))
        'dicom/x.dcm.sc.dcm'
        """
        base = relative / f"{frame:04d}" if frame and frames > 1 else relative
        name = base.name
        if not self.is_object and base.suffix != ".png":
            name += ".png"
        return self.folder / base.with_name(name + self.suffix)

    def file_of(self, frame: FrameImage) -> bytes | None:
        """The file of one frame; None where there is one file for the whole scan."""
        if self.draw_frame:
            found = frame.segmentation
            return self.draw_frame(frame.image, found.mask, found.boxes)
        return self.encode_frame(frame) if self.encode_frame else None

    def frames_of(self, result: ScanResult) -> tuple[int, ...]:
        """The frames of which a result has such a file; 0 is the whole scan."""
        if self.is_object:
            return tuple(made.frame for made in result.dicom or () if made.kind == self.name)
        return tuple(mask.frame for mask in result.masks)

    def standing(self, out: Path, relative: PurePosixPath) -> Iterator[Path]:
        """Every such file of a scan that is there, of however many frames."""
        one = out / self.path(relative, 1, 1)
        # Path.is_file would raise where the name is too long for this output
        if os.path.isfile(one):  # noqa: PTH113
            yield one
        folder = out / self.folder / relative
        suffix = self.suffix if self.is_object else f".png{self.suffix}"
        yield from folder.glob(f"{_NUMBER}{suffix}")


OUTPUTS = (
    Output(
        name="masks",
        folder="masks",
        encode_frame=lambda frame: encode_mask(frame.segmentation.mask),
    ),
    Output(
        name="overlays",
        folder="overlays",
        shows_scan=True,
        draw_frame=lambda image, mask, views: encode_overlay(
            image, contour_mask(mask), view_outline(mask.shape, views)
        ),
    ),
    Output(
        name="images",
        folder="images",
        shows_scan=True,
        draw_frame=lambda image, _mask, _views: encode_bare(image),
    ),
    Output(
        name="probabilities",
        folder="probabilities",
        encode_frame=lambda frame: encode_probability(frame.segmentation.probability),
    ),
    Output(
        name="thumbnails",
        folder="thumbnails",
        shows_scan=True,
        suffix=".jpg",
        draw_frame=encode_thumbnail,
    ),
    Output(
        name="seg",
        folder="dicom",
        suffix=".seg.dcm",
        encode_scan=encode_segmentation,
        left_out=no_segmentation,
    ),
    Output(
        name="sr",
        folder="dicom",
        suffix=".sr.dcm",
        encode_scan=encode_report,
        left_out=no_object,
    ),
    Output(
        name="sc",
        folder="dicom",
        suffix=".sc.dcm",
        encode_frame=encode_capture,
        left_out=no_capture,
    ),
)
"""In the order in which they are written and listed."""
DEFAULT_OUTPUTS = ("masks", "overlays", "images", "thumbnails")
MODEL_MASKS = "model_masks"
"""Folder of the network's own masks of scans that a person has corrected."""
FOLDERS = (*dict.fromkeys(output.folder for output in OUTPUTS), MODEL_MASKS)


def wanted_outputs(names: Sequence[str]) -> tuple[Output, ...]:
    """The outputs of these names, in the table's order."""
    return tuple(output for output in OUTPUTS if output.name in names)


def files_of(
    result: ScanResult, relative: PurePosixPath, outputs: Iterable[Output]
) -> Iterator[PurePosixPath]:
    """The paths below OUT of all that a result has."""
    if result.status == "ok":
        for output in outputs:
            for frame in output.frames_of(result):
                yield output.path(relative, frame, len(result.masks))


def masks_stand(out: Path, result: ScanResult, relative: PurePosixPath) -> bool:
    """Whether every mask of a result is there, with the very same bytes."""
    masks, frames = OUTPUTS[0], len(result.masks)
    return all(
        _has_sha256(out / masks.path(relative, mask.frame, frames), mask.sha256)
        for mask in result.masks
    )


def has_masks(out: Path, result: ScanResult, relative: PurePosixPath) -> bool:
    """Whether there is a file for every mask of a result, whatever it holds."""
    paths = (OUTPUTS[0].path(relative, mask.frame, len(result.masks)) for mask in result.masks)
    return all((out / path).is_file() for path in paths)


def lost_outputs(
    out: Path, result: ScanResult, relative: PurePosixPath, outputs: Iterable[Output]
) -> tuple[Output, ...]:
    """The outputs, but for masks, of which a result lacks some file, or has it with other bytes."""
    return tuple(
        output
        for output in outputs
        if output.name != "masks"
        and not all(
            _has_sha256(out / path, result.files.get(percent_escape(path), ""))
            for path in files_of(result, relative, (output,))
        )
    )


def remove_all_but(out: Path, relative: PurePosixPath, kept: Iterable[PurePosixPath]) -> None:
    """Remove every file of a scan but those at these paths below OUT."""
    wanted = {out / path for path in kept}
    for output in OUTPUTS:
        for path in output.standing(out, relative):
            if path not in wanted:
                path.unlink(missing_ok=True)
                with suppress(OSError):  # a folder of frames is left until it is empty
                    path.parent.rmdir()


def is_within_results(folder: Path) -> bool:
    """Whether an absolute folder holds results of busicli or lies below such a folder."""
    ours = (*FOLDERS, *_RUN_FILES)
    pairs = zip((folder, *folder.parents), folder.parents, strict=False)
    return any(one.name in ours and own_folder(parent).is_dir() for one, parent in pairs)


def foreign_result(out: Path) -> str:
    """The first name of our results in OUT that busicli did not make; empty if there is none.

    Without our own folder they belong to someone else, such as a data set's reference masks, and
    must not be overwritten.
    """
    if own_folder(out).is_dir():
        return ""
    return next((name for name in (*FOLDERS, *_RUN_FILES) if (out / name).exists()), "")


def _has_sha256(path: Path, expected: str) -> bool:
    try:
        return sha256_bytes(read_regular(path)) == expected  # small: faster than in chunks
    except OSError:  # missing, a folder, or not to be read
        return False
