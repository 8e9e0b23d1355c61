"""Files and result of one scan as people have reviewed it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from busicli.batch.outputs import MODEL_MASKS, OUTPUTS, wanted_outputs
from busicli.errors import InputError
from busicli.imaging.measure import lesions
from busicli.imaging.metrics import dice
from busicli.imaging.millimetres import in_millimetres
from busicli.imaging.polygons import polygon_mask
from busicli.inference.segmenter import Segmentation
from busicli.io.escaping import percent_escape
from busicli.io.files import atomic_write, read_regular, sha256_bytes, sha256_file
from busicli.io.images import decode_scan, encode_mask
from busicli.io.masks import decode_mask
from busicli.io.review_store import KeptReview, ReviewedScan
from busicli.io.reviews import Review
from busicli.io.run_record import RunSettings
from busicli.io.scan_results import FrameMask, Reviewed, ScanResult
from busicli.io.written_paths import WrittenPaths
from busicli.review.objects import ReviewedObjects
from busicli.types import Lesion, Mask, Scale

MASKS, IMAGES = (next(o for o in OUTPUTS if o.name == name) for name in ("masks", "images"))
_STRONGEST = ("edited", "no_lesion", "rejected", "accepted")


@dataclass(frozen=True, slots=True)
class ReviewedFiles:
    """Where files of reviewed scans stand, and how they are made again."""

    out: Path
    settings: RunSettings
    written: WrittenPaths
    """Of OUT's masks."""
    objects: ReviewedObjects

    def apply(self, scan: ReviewedScan) -> ScanResult:
        """Write all that follows from a scan's reviews and return its result.

        The mask of a frame is written last: where it is the wanted one, nothing is left to do.
        Raises InputError, after the scan's name, where a file that is needed is gone.
        """
        relative = self.relative(scan.model)
        masks: list[FrameMask] = []
        found: list[Lesion] = []
        for mask in scan.model.masks:
            kept = scan.deciding(mask.frame)
            segmented = self._segmentation(scan, mask, relative)
            self._write_frame(scan, mask, relative, segmented)
            masks.append(_reviewed_mask(scan, mask, kept))
            found += _lesions(scan.model, mask.frame, segmented)
        reviewed = _summary(scan)
        result = replace(
            scan.model, masks=tuple(masks), lesions=tuple(found), reviewed=reviewed, new=False
        )
        return self.objects.renew(result, relative, self._masks(result, relative))

    def relative(self, result: ScanResult) -> PurePosixPath:
        """The scan's path below its folder, from where its mask stands."""
        path = self.written.find(result.masks[0].path.removeprefix("masks/"))
        if path is None:
            raise InputError("has no mask any more, or shares its name; run segment-dir again.")
        if len(result.masks) > 1:
            return path.parent
        return path if percent_escape(path) == result.scan else path.with_suffix("")

    def stands(self, result: ScanResult) -> bool:
        """Whether each mask of a result is in OUT as it should be."""
        for mask in result.masks:
            path = self.written.find(mask.path.removeprefix("masks/"))
            if path is None or sha256_file(self.out / MASKS.folder / path) != mask.sha256:
                return False
        return True

    def model_paths(self, model: ScanResult) -> Iterator[Path]:
        """Where the network's own masks of a scan are kept, if they are."""
        kept = WrittenPaths(self.out / MODEL_MASKS)
        for mask in model.masks:
            if path := kept.find(mask.path.removeprefix("masks/")):
                yield self.out / MODEL_MASKS / path

    def model_mask(self, model: ScanResult, mask: FrameMask, relative: PurePosixPath) -> bytes:
        """The network's own mask of a frame, from where it was kept or still stands."""
        path = MASKS.path(relative, mask.frame, len(model.masks))
        for place in (self._model_path(path), self.out / path):
            data = place.read_bytes() if place.is_file() else b""
            if sha256_bytes(data) == mask.sha256:
                return data
        raise InputError(f"has no mask of the network any more; restore {MODEL_MASKS}/.")

    def _masks(self, result: ScanResult, relative: PurePosixPath) -> list[Mask]:
        """Each frame's mask as it stands in OUT; none where no DICOM object needs them."""
        frames = [mask.frame for mask in result.masks if result.dicom]
        paths = (self.out / MASKS.path(relative, n, len(result.masks)) for n in frames)
        return [decode_mask(_read(path)) for path in paths]

    def _segmentation(
        self, scan: ReviewedScan, mask: FrameMask, relative: PurePosixPath
    ) -> Segmentation | None:
        """What is known of a frame whose mask a person has changed; None of another."""
        kept = scan.deciding(mask.frame)
        if kept is None or kept.mask_sha256 == mask.sha256:
            return None
        path = IMAGES.path(relative, mask.frame, len(scan.model.masks))
        rows, columns = decode_scan(_read(self.out / path)).shape[:2]
        drawn = _drawn(scan, mask.frame, kept).review
        return _segmentation(polygon_mask(drawn.polygons, (rows, columns)), _scale(scan.model))

    def _write_frame(
        self,
        scan: ReviewedScan,
        mask: FrameMask,
        relative: PurePosixPath,
        changed: Segmentation | None,
    ) -> None:
        """Write a frame's files; `changed` None where the network's mask holds."""
        path = MASKS.path(relative, mask.frame, len(scan.model.masks))
        model_path, place = self._model_path(path), self.out / path
        data = _read(place)
        if changed is None:
            if sha256_bytes(data) != mask.sha256:
                again = self.model_mask(scan.model, mask, relative)
                self._write_images(scan, mask, relative, decode_mask(again))
                atomic_write(place, again)
            model_path.unlink(missing_ok=True)
            return
        wanted = encode_mask(changed.mask)
        if sha256_bytes(data) == mask.sha256:
            atomic_write(model_path, data)
        if data != wanted:
            self._write_images(scan, mask, relative, changed.mask)
            atomic_write(place, wanted)

    def _write_images(
        self,
        scan: ReviewedScan,
        mask: FrameMask,
        relative: PurePosixPath,
        drawn: Mask,
    ) -> None:
        frames = len(scan.model.masks)
        image = decode_scan(_read(self.out / IMAGES.path(relative, mask.frame, frames)))
        for output in wanted_outputs(self.settings.outputs):
            if output.draw_frame and output is not IMAGES:
                path = self.out / output.path(relative, mask.frame, frames)
                views = scan.model.boxes_of(mask.frame)
                atomic_write(path, output.draw_frame(image, drawn, views))

    def _model_path(self, mask: PurePosixPath) -> Path:
        return self.out / MODEL_MASKS / mask.relative_to(MASKS.folder)


def kept_review(files: ReviewedFiles, scan: ReviewedScan, review: Review) -> KeptReview:
    """A review with the mask that it wants.

    Raises InputError, after the scan's name, where it is of another scan or mask than OUT holds,
    or where its polygons hold no pixel.
    """
    mask = next((mask for mask in scan.model.masks if mask.frame == review.frame), None)
    if review.scan_sha256 != scan.model.sha256 or mask is None:
        raise InputError("has changed since it was reviewed; review it on a new page.")
    if review.mask_sha256 not in scan.known_masks(review.frame):
        raise InputError("has another mask than was reviewed; review it on a new page.")
    if review.decision == "rejected":
        return KeptReview(review=review, mask_sha256=review.mask_sha256, dice=None)
    relative = files.relative(scan.model)
    ours = decode_mask(files.model_mask(scan.model, mask, relative))
    if review.decision == "accepted":
        shown = KeptReview(review=review, mask_sha256=review.mask_sha256, dice=None)
        theirs = ours
        if shown.mask_sha256 != mask.sha256:
            theirs = polygon_mask(_drawn(scan, review.frame, shown).review.polygons, _size(ours))
        return replace(shown, dice=_dice(ours, theirs))
    theirs = polygon_mask(review.polygons, _size(ours))
    if review.decision == "edited" and not theirs.any():
        raise InputError("has polygons without a pixel of the scan; decide no_lesion instead.")
    encoded = encode_mask(theirs)
    return KeptReview(review=review, mask_sha256=sha256_bytes(encoded), dice=_dice(ours, theirs))


def _size(mask: Mask) -> tuple[int, int]:
    rows, columns = mask.shape
    return rows, columns


def _dice(ours: Mask, theirs: Mask) -> float | None:
    return round(dice(ours, theirs), 6) if ours.any() or theirs.any() else None


def _drawn(scan: ReviewedScan, frame: int, wanted: KeptReview) -> KeptReview:
    """The review that drew the mask which another one accepts."""
    return next(
        kept
        for kept in scan.reviews
        if kept.review.frame == frame
        and kept.mask_sha256 == wanted.mask_sha256
        and kept.review.decision in ("edited", "no_lesion")
    )


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except FileNotFoundError:
        raise InputError(
            f"has no file under {path.parent.name}/; run segment-dir again with --report."
        ) from None


def _segmentation(mask: Mask, scale: Scale) -> Segmentation:
    unknown = np.zeros(mask.shape, np.float32)
    found = (replace(one, mean_probability=None) for one in lesions(mask, unknown))
    return Segmentation(
        mask=mask,
        probability=unknown,
        lesions=tuple(_measured(one, scale) for one in found),
    )


def _scale(model: ScanResult) -> Scale:
    return Scale(origin=model.millimetres, regions=model.regions)


def _measured(lesion: Lesion, scale: Scale) -> Lesion:
    return replace(lesion, millimetres=in_millimetres(lesion, scale))


def _lesions(model: ScanResult, frame: int, changed: Segmentation | None) -> Sequence[Lesion]:
    if changed is None:
        return [found for found in model.lesions if found.frame == frame]
    return [replace(lesion, frame=frame) for lesion in changed.lesions]


def _reviewed_mask(scan: ReviewedScan, mask: FrameMask, kept: KeptReview | None) -> FrameMask:
    if kept is None:
        return mask
    made = replace(mask, sha256=kept.mask_sha256, decision=kept.review.decision)
    if kept.mask_sha256 == mask.sha256:
        return made
    return replace(made, polygons=_drawn(scan, mask.frame, kept).review.polygons)


def _summary(scan: ReviewedScan) -> Reviewed:
    """The scan's decision: of several frames the one that changed most."""
    frames = {kept.review.frame for kept in scan.reviews}
    decided = [kept for kept in map(scan.deciding, sorted(frames)) if kept is not None]
    decided.sort(key=lambda kept: kept.order)
    said: Mapping[str, str] = {
        name: next((t for kept in decided[::-1] if (t := getattr(kept.review, name))), "")
        for name in ("label", "comment")
    }
    return Reviewed(
        decision=min((kept.review.decision for kept in decided), key=_STRONGEST.index),
        reviewer=decided[-1].review.reviewer,
        at=decided[-1].review.at,
        **said,
    )
