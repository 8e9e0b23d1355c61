"""The prepared data folder: arrays per split, masks at the scans' own size, one table."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from busicli.data.cases import read_cases, write_cases
from busicli.data.splits import divide_into_folds
from busicli.errors import InputError
from busicli.imaging.field_shape import FieldShape
from busicli.imaging.preprocess import network_image, network_mask
from busicli.io.files import parse_json, sha256_bytes, write_json
from busicli.io.masks import decode_mask
from busicli.settings import PreprocessSettings
from busicli.types import Case, Mask, Split

MARKER = "dataset.json"


class Rows:
    """Rows of several (N, ...) uint8 arrays that act as one array, read when used."""

    def __init__(self, positions: Sequence[tuple[NDArray[np.uint8], int]]) -> None:
        """Take at least one row, each given by its array and its index there."""
        self._positions = positions
        self.shape = (len(positions), *positions[0][0].shape[1:])

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, rows: int) -> NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, rows: slice) -> NDArray[np.uint8]: ...
    def __getitem__(self, rows: int | slice) -> NDArray[np.uint8]:
        if isinstance(rows, slice):
            return np.stack([array[row] for array, row in self._positions[rows]])
        array, row = self._positions[rows]
        picked: NDArray[np.uint8] = array[row]
        return picked


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedScans:
    """Some scans of a data folder; the arrays stay on disk and are read when used."""

    images: NDArray[np.uint8] | Rows
    """(N, size, size, 3)."""
    masks: NDArray[np.uint8] | Rows
    """(N, size, size) of 0 and 1."""
    cases: tuple[Case, ...]
    folder: Path
    """The data folder."""
    preprocess: PreprocessSettings

    def shrunk(self, size_px: int) -> "PreparedScans":
        """The same scans at a smaller size, all in memory."""
        if size_px == self.preprocess.size_px:
            return self
        smaller = replace(self.preprocess, size_px=size_px)
        rows = range(len(self.cases))
        images = [network_image(self.images[row], smaller) for row in rows]
        masks = [network_mask(self.masks[row] > 0, smaller) for row in rows]
        shape = (len(rows), size_px, size_px)
        return replace(
            self,
            images=np.array(images, np.uint8).reshape(*shape, 3),
            masks=np.array(masks, np.uint8).reshape(shape),
            preprocess=smaller,
        )

    def native_mask(self, index: int) -> Mask:
        """The united mask of one scan at the scan's own size, (rows, columns) bool."""
        case = self.cases[index]
        return decode_mask(native_path(self.folder / case.split, case.index).read_bytes())

    def field_shape(self, index: int) -> FieldShape | None:
        """Where tissue is in one scan's view; None where all of it may be."""
        case = self.cases[index]
        path = tissue_path(self.folder / case.split, case.index)
        return FieldShape.of(decode_mask(path.read_bytes())) if path.is_file() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedData:
    """A data folder, before any pixel is read."""

    folder: Path
    preprocess: PreprocessSettings
    fingerprint: str
    """SHA-256 over scans, masks, splits, views and settings; independent of the folder's path."""
    cases: tuple[Case, ...]
    info: dict[str, Any]

    def load(self, split: Split) -> PreparedScans:
        """One split, its arrays memory-mapped."""
        folder = self.folder / split
        cases = sorted((c for c in self.cases if c.split == split), key=lambda c: c.index)
        try:
            images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
            masks = np.load(folder / "masks.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise _unusable(folder) from error
        if not len(cases) == len(images) == len(masks):
            raise _unusable(folder)
        return PreparedScans(
            images=images,
            masks=masks,
            cases=tuple(cases),
            folder=self.folder,
            preprocess=self.preprocess,
        )

    def gather(self, cases: Sequence[Case]) -> PreparedScans:
        """The given scans of this folder, at least one, in this order, whatever their splits."""
        splits = {split: self.load(split) for split in sorted({case.split for case in cases})}
        pairs = [(splits[case.split], case.index) for case in cases]
        return PreparedScans(
            images=Rows([(np.asarray(scans.images), row) for scans, row in pairs]),
            masks=Rows([(np.asarray(scans.masks), row) for scans, row in pairs]),
            cases=tuple(cases),
            folder=self.folder,
            preprocess=self.preprocess,
        )

    def select(self, split: Split | Literal["all"]) -> PreparedScans:
        """One split, or every scan; raises InputError if there is none."""
        scans = self.load(split) if split != "all" else self.gather(self.cases)
        if not scans.cases:
            raise InputError(
                f"the data in {self.folder} have no scan for {split}; use another --split."
            )
        return scans

    def folds(self, count: int) -> NDArray[np.int64]:
        """The fold of each of `cases`, from 1: whole groups, even classes and data sets."""
        groups = np.array([case.group for case in self.cases], np.int64)
        strata = [f"{case.dataset} {case.label}" for case in self.cases]
        return divide_into_folds(groups, strata, count)


def open_data(folder: Path) -> PreparedData:
    """The data folder that `preprocess` wrote; raises InputError if there is none."""
    if not (folder / MARKER).is_file():
        raise InputError(
            f"{folder} holds no prepared data; make them: busicli preprocess DATASET --out {folder}"
        )
    try:
        info = parse_json((folder / MARKER).read_bytes())
        cases = tuple(read_cases(folder / "cases.csv"))
        if _fingerprint(cases, info) != info["fingerprint"]:
            raise _unusable(folder)
        return PreparedData(
            folder=folder,
            preprocess=PreprocessSettings.from_dict(info["preprocess"]),
            fingerprint=info["fingerprint"],
            cases=cases,
            info=info,
        )
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        raise _unusable(folder) from error


class ArrayFile:
    """A .npy file of uint8 that is written row by row; memory holds one row."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        write_array_header_1_0(self._file, header)

    def append(self, row: NDArray[np.uint8]) -> None:
        """Add the next row; call it as often as the shape has rows."""
        self._file.write(np.ascontiguousarray(row).data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def native_path(split_folder: Path, index: int) -> Path:
    """Path of the mask at the scan's own size."""
    return split_folder / "native" / f"{index:06d}.png"


def tissue_path(split_folder: Path, index: int) -> Path:
    """Path of where tissue is in a scan's view; no file where all of it may be."""
    return split_folder / "tissue" / f"{index:06d}.png"


def write_rows(path: Path, source: NDArray[np.uint8], rows: Sequence[int]) -> None:
    """Write the given rows of an array to a .npy file, row by row: memory holds one."""
    with closing(ArrayFile(path, (len(rows), *source.shape[1:]))) as target:
        for row in rows:
            target.append(source[row])


def write_bitmaps(
    split_folder: Path, path_of: Callable[[Path, int], Path], images: Iterable[bytes | None]
) -> None:
    """Write PNG bytes where `path_of` says, in the order of the split's arrays."""
    path_of(split_folder, 0).parent.mkdir(parents=True)
    for index, data in enumerate(images):
        if data is not None:
            path_of(split_folder, index).write_bytes(data)


def write_index(folder: Path, cases: Sequence[Case], info: dict[str, Any]) -> str:
    """Write `cases.csv` and `dataset.json`; returns the fingerprint."""
    write_cases(folder / "cases.csv", cases)
    fingerprint = _fingerprint(cases, info)
    document = {"fingerprint": fingerprint, **info}
    write_json(folder / MARKER, document)
    return fingerprint


def _fingerprint(cases: Sequence[Case], info: dict[str, Any]) -> str:
    preprocess = dict(info["preprocess"])
    for name, value in (("aspect", "stretch"), ("views", "whole")):
        if preprocess.get(name) == value:
            del preprocess[name]  # older data keep their fingerprint
    parts = [json.dumps(preprocess, sort_keys=True)]
    for case in cases:
        position = " ".join(map(str, (case.split, case.index, *(case.view or ()))))
        parts.append(f"{case.fingerprint.pixels_sha256} {case.mask_sha256} {position}")
    return sha256_bytes("\n".join(parts).encode())


def _unusable(folder: Path) -> InputError:
    return InputError(
        f"the prepared data in {folder} are incomplete or were changed; run preprocess again."
    )
