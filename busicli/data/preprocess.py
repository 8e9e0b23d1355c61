"""`preprocess`: reads data sets in parallel, groups and splits their scans, stores them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from busicli.data.assign_splits import LoadedCases, assign_splits
from busicli.data.cases import read_splits
from busicli.data.objections import SOURCE
from busicli.data.prepare_case import CasePreparation, PreparedCase
from busicli.data.reviewed import read_reviewed
from busicli.data.sources import read_folder, read_table
from busicli.data.store import (
    MARKER,
    ArrayFile,
    native_path,
    tissue_path,
    write_bitmaps,
    write_index,
    write_rows,
)
from busicli.data.summary import Summary, doubts_of, labels_of, objections_of, summary_of
from busicli.errors import InputError
from busicli.io.files import atomic_directory
from busicli.parallel.dask import ClusterRequest, connected, ordered_map_on
from busicli.parallel.threads import parallel_map
from busicli.plots.montage import category_montage
from busicli.settings import PreprocessSettings, SplitSettings
from busicli.types import CLASSES, SPLITS, Case, Failed, SourceCase, Track
from busicli.versions import versions

MONTAGE_SCANS = 4
_ADVICE = (
    "; give a folder or table with scans.",
    " that a person accepted, edited or found without a lesion; apply reviews first.",
)
_GONE: NDArray[Any] = np.zeros(0)


class InvalidDataError(InputError):
    """All files of a data set that cannot be used."""

    def __init__(self, found: Sequence[Failed]) -> None:
        errors = [error for first in found for error in (first, *first.others)]
        lines = "\n".join(f"  {error.what}: {error.reason}" for error in errors)
        files = "file is" if len(errors) == 1 else "files are"
        super().__init__(
            f"{len(errors)} {files} broken, so nothing was written; "
            f"fix or remove these and run again:\n{lines}"
        )
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareRequest:
    """What to prepare, and where to write it."""

    folders: tuple[Path, ...]
    tables: tuple[Path, ...]
    out: Path
    preprocess: PreprocessSettings
    split: SplitSettings
    reviewed: tuple[Path, ...] = ()
    """Folders that `segment-dir` wrote, of which reviewed scans are taken."""
    split_from: Path | None = None
    """A table with each scan's split, such as another data folder's cases.csv."""
    jobs: int = -1
    cluster: ClusterRequest | None = None
    """The cluster to use instead of this machine."""


def prepare(request: PrepareRequest, track: Track[PreparedCase | Failed]) -> Summary:
    """Write `request.out` and return its counts; on InputError nothing is written."""
    if request.split_from is not None:
        read_splits(request.split_from)  # reports its errors before scans are read
    sources = _find_cases(request)
    size = request.preprocess.size_px
    with atomic_directory(request.out, marker=MARKER) as folder:
        scratch = folder / "scratch"
        results = _prepared(request, sources)
        read = _store_scratch(track(results, len(sources)), scratch, (len(sources), size, size))
        arrays = _load_scratch(scratch)
        cases = assign_splits(read, request.split, request.split_from)
        _write(folder, arrays, read, cases, request)
        del arrays
        for file in scratch.iterdir():
            file.unlink()
        scratch.rmdir()
    return replace(summary_of(cases, size), mostly_lesion=_mostly_lesion(read))


def _prepared(
    request: PrepareRequest, sources: Sequence[SourceCase]
) -> Iterator[PreparedCase | Failed]:
    """Every case in order, prepared on this machine's cores or on a cluster's workers."""
    preparation = CasePreparation(request.preprocess)
    if request.cluster is None:
        yield from parallel_map(preparation, sources, jobs=request.jobs)
        return
    with connected(request.cluster) as client:
        results = ordered_map_on(client, preparation, map(_absolute, sources), _lost, lambda: False)
        for source, result in zip(sources, results, strict=True):
            yield result if isinstance(result, Failed) else replace(result, source=source)


def _absolute(source: SourceCase) -> SourceCase:
    """Workers have their own current folder."""
    masks = tuple(Path.cwd() / path for path in source.masks)
    return replace(source, scan=Path.cwd() / source.scan, masks=masks)


def _lost(source: SourceCase) -> Failed:
    return Failed(str(source.scan), "killed its worker several times")


def _find_cases(request: PrepareRequest) -> list[SourceCase]:
    cases: list[SourceCase] = []
    errors: list[Failed] = []
    used: Counter[str] = Counter()
    sources = (
        *((path, path.resolve().name, read_folder) for path in request.folders),
        *((path, path.resolve().stem, read_table) for path in request.tables),
        *((path, path.resolve().name, read_reviewed) for path in request.reviewed),
    )
    for path, name, read in sources:
        used[name] += 1
        name += f"-{used[name]}" if used[name] > 1 else ""
        found, failed = read(path, name)
        cases += found
        errors += failed
        if not found and not failed:
            raise InputError(f"{path} holds no scan{_ADVICE[read is read_reviewed]}")
    errors += _of_one_name(cases)
    if errors:
        # unreadable files are looked for too, so that all errors are reported at once
        results = _prepared(request, cases)
        raise InvalidDataError([*errors, *(r for r in results if isinstance(r, Failed))])
    with_split = sum(bool(case.split) for case in cases)
    if with_split not in (0, len(cases)):
        raise InputError(
            f"{with_split} of {len(cases)} scans have a split of their own; "
            "give every scan in a --table a split, or none."
        )
    return sorted(cases, key=lambda case: (case.dataset, case.case))


def _of_one_name(cases: Sequence[SourceCase]) -> Iterator[Failed]:
    """Scans with the name of an earlier one in their data set; results are named after scans."""
    first: dict[tuple[str, str], SourceCase] = {}
    for case in cases:
        other = first.setdefault((case.dataset, case.case), case)
        if other is not case:
            locations = " and ".join(f"{p.parent.name}/{p.name}" for p in (other.scan, case.scan))
            yield Failed(case.case, f"is the name of two scans, {locations}; rename one")


def _store_scratch(
    results: Iterable[PreparedCase | Failed], scratch: Path, shape: tuple[int, int, int]
) -> LoadedCases:
    """Store every scan's arrays in the order of reading, as splits are not known yet."""
    images = ArrayFile(scratch / "images.npy", (*shape, 3))
    masks = ArrayFile(scratch / "masks.npy", shape)
    with closing(images), closing(masks):
        return _store_each(results, images, masks)


def _load_scratch(scratch: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, masks = (
        np.load(scratch / f"{name}.npy", mmap_mode="r") for name in ("images", "masks")
    )
    return images, masks


def _store_each(
    results: Iterable[PreparedCase | Failed], images: ArrayFile, masks: ArrayFile
) -> LoadedCases:
    cases: list[PreparedCase] = []
    thumbnails: list[NDArray[np.float32]] = []
    errors: list[Failed] = []
    for result in results:
        if isinstance(result, Failed):
            errors.append(result)
            continue
        images.append(result.image)
        masks.append(result.mask)
        thumbnails.append(result.thumbnail)
        cases.append(replace(result, image=_GONE, mask=_GONE, thumbnail=_GONE))
    if errors:
        raise InvalidDataError(errors)
    return LoadedCases(cases, np.stack(thumbnails))


def _write(
    folder: Path,
    arrays: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    read: LoadedCases,
    cases: Sequence[Case],
    request: PrepareRequest,
) -> None:
    parts: list[Callable[[], None]] = []
    for split in SPLITS:
        rows = [i for i, case in enumerate(cases) if case.split == split]
        rows.sort(key=lambda i: cases[i].index)
        masks = [read.cases[i].native_mask for i in rows]
        parts.append(partial(write_bitmaps, folder / split, native_path, masks))
        tissue = [read.cases[i].tissue for i in rows]
        parts.append(partial(write_bitmaps, folder / split, tissue_path, tissue))
        for name, source in zip(("images", "masks"), arrays, strict=True):
            parts.append(partial(write_rows, folder / split / f"{name}.npy", source, rows))
    list(parallel_map(_call, parts, jobs=request.jobs))
    _write_montages(folder / "figures", arrays, cases)
    write_index(folder, cases, _info(cases, request))


def _call(part: Callable[[], None]) -> None:
    part()


def _write_montages(
    folder: Path, arrays: tuple[NDArray[np.uint8], NDArray[np.uint8]], cases: Sequence[Case]
) -> None:
    folder.mkdir()
    for label in CLASSES:
        all_rows = [i for i, case in enumerate(cases) if case.label == label]
        if all_rows:  # spread over the list, so that every data set is shown
            locations = np.linspace(0, len(all_rows) - 1, min(MONTAGE_SCANS, len(all_rows)))
            rows = [all_rows[int(position)] for position in locations]
            montage = category_montage(label, arrays[0][rows], arrays[1][rows])
            (folder / f"{label}.png").write_bytes(montage)


def _info(cases: Sequence[Case], request: PrepareRequest) -> dict[str, Any]:
    return {
        "preprocess": asdict(request.preprocess),
        "split": asdict(request.split),
        "datasets": dict(Counter(case.dataset for case in cases)),
        "counts": labels_of(cases),
        "groups": len({case.group for case in cases}),
        "objections": {"scans": objections_of(cases), "source": SOURCE},
        "cut_to_field": sum(case.view is not None for case in cases),
        "doubts": {doubt: len(scans) for doubt, scans in doubts_of(cases).items()},
        "versions": versions(),
    }


def _mostly_lesion(read: LoadedCases) -> tuple[str, ...]:
    return tuple(
        f"{case.source.dataset}/{case.source.case}" for case in read.cases if case.mostly_lesion
    )
