"""Which files of a folder are masks, and of which scans: by names and layout, no file is opened.

Tools and data sets mark masks in the name (`x_mask.png`, `x-GT.png`, `mask_x.png`,
`x_tumor.png`), or put them into a folder of their own (`images/x.png` with `masks/x.png`,
`train-image/x.png` with `train-mask/x.png`, BUS-BRA's `Images/bus_1.png` with
`Masks/mask_1.png`). A name alone proves nothing: a mask is one whose scan is there too.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath

from busicli.io.images import SUFFIXES
from busicli.io.kinds import UNREAD_SUFFIXES

MASK_SUFFIXES = (*(s for s in SUFFIXES if not s.startswith(".d")), ".npy")
"""Kinds of files that a mask is read from."""
_MASK_LIKE = (*MASK_SUFFIXES, *UNREAD_SUFFIXES, ".dcm")
MAX_TWINS = 4
"""Files of one name in other folders that are looked at to tell a mask from a scan."""

_CERTAIN = ("mask", "masks")
"""Words that no scan has in its name; after the others, the content decides."""
_IN_FOLDERS = (
    *_CERTAIN,
    *("gt", "gts", "groundtruth", "truth", "seg", "segs", "segmentation", "segmentations"),
    *("label", "labels", "labelmap", "labelmaps", "annotation", "annotations", "ann"),
    *("roi", "rois", "target", "targets", "contour", "contours", "lesions", "binary", "manual"),
)
_IN_NAMES = (
    *_IN_FOLDERS,
    *("cp_masks", "ground_truth", "label_map", "segm", "segmented", "lesion", "tumor", "tumour"),
    *("annot", "annotated", "outline", "bin", "pred", "prediction", "other"),
)
_OTHER = "other"
"""BrEaST's word for structures that are no lesion."""
_SCAN_WORDS = (
    *("image", "images", "img", "imgs", "scan", "scans", "us", "bus", "original", "originals"),
    *("raw", "input", "inputs", "frames", "jpeg", "jpg", "png"),
)
_WITH_MASKS = ("class", "object", "binary")
"""Words that say how masks are made, as in VOC's SegmentationClass."""
_NUMBER = r"\)?(?:[ _.-]*\d+|[ _.-]*\(\d+\))?"
_WORDS = "|".join(sorted(_IN_NAMES, key=len, reverse=True)).replace("_", "[ _-]?")
_NEW_WORD = r"(?:[ _.(-]+|(?-i:(?<=[a-z\d])(?=[A-Z])))"
"""Between a scan's name and a mark: signs, or a capital letter alone, as in `xMask`."""
_MARKED_AT_END = re.compile(
    rf"(?P<scan>.*?[^ _.(-]){_NEW_WORD}(?P<word>{_WORDS}){_NUMBER}", re.IGNORECASE | re.DOTALL
)
_MARKED_AT_START = re.compile(
    rf"(?P<word>{_WORDS})(?:[ _.-]+|(?=\d))(?P<scan>.+)", re.IGNORECASE | re.DOTALL
)
_ONLY_A_MARK = re.compile(rf"(?P<word>{_WORDS}){_NUMBER}(?P<scan>)", re.IGNORECASE)
_SCAN_AT_START = re.compile(rf"(?:{'|'.join(_SCAN_WORDS)})(?:[ _.-]+|(?=\d)|$)", re.IGNORECASE)
_SCAN_AT_END = re.compile(rf"(?<=.)[ _.-](?:{'|'.join(_SCAN_WORDS)}|0000)$", re.IGNORECASE)
"""`_0000` is nnU-Net's number of a scan's only channel."""
_PARTS_OF_A_NAME = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskOf:
    """What a file's name says of it: a mask, and of which scan."""

    scan: PurePosixPath
    certain: bool
    """False where a scan could have such a name too, so that the content decides."""
    lesion: bool
    """False for a structure that is no lesion (BrEaST's `_other1`)."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A word in a file's name that masks have, and the name without it."""

    scan: str
    word: str


def stem_of(name: str) -> str:
    """A file's name without the suffix of an image; other dots belong to the name.

    >>> stem_of("a.PNG"), stem_of("1.2.840"), stem_of("a.1.png")
    ('a', '1.2.840', 'a.1')
    """
    path = PurePosixPath(name)
    known = path.suffix.lower() in (*SUFFIXES, *_MASK_LIKE)
    return path.stem if known else path.name


def scan_stem(stem: str) -> str | None:
    """The stem of the scan that a mask's stem contains; None where it contains none.

    >>> scan_stem("a_mask"), scan_stem("a_GT"), scan_stem("a-mask (2)"), scan_stem("mask_a")
    ('a', 'a', 'a', 'a')
    >>> scan_stem("a"), scan_stem("unmasked"), scan_stem("mask")
    (None, None, None)
    """
    mark = next(_marks(stem), None)
    return mark.scan or None if mark else None


def is_marked(path: PurePosixPath) -> bool:
    """Whether a file's name or folder says "mask", so that it is no scan.

    >>> is_marked(PurePosixPath("a_mask.png")), is_marked(PurePosixPath("a_tumor.png"))
    (True, False)
    """
    words = [mark.word for mark in _marks(stem_of(path.name))]
    words += [word for part in path.parent.parts for word in _folder(part).masks]
    return any(word in _CERTAIN for word in words)


def bare_name(name: str) -> str:
    """A path without suffix in the form that a scan and its masks share.

    >>> bare_name("images/bus_0001-l"), bare_name("Masks/mask_0001-l"), bare_name("ward/us/7")
    ('0001-l', '0001-l', 'ward/7')
    """
    return "/".join(_keys(PurePosixPath(name))[0])


def folder_words(name: str) -> tuple[str, ...]:
    """What a folder's name says beside "images" or "masks", in lower case.

    >>> folder_words("Malignant"), folder_words("benign_masks"), folder_words("imagesTr")
    (('malignant',), ('benign',), ('tr',))
    """
    return _folder(name).rest


def masks_by_name(files: Iterable[PurePosixPath]) -> dict[PurePosixPath, MaskOf]:
    """The files that are masks of others among them, by name and layout; paths of one root.

    A mask is beside its scan, or in a folder of masks whose other parts are those of its scan. A
    mark that scans may have makes no mask without a scan of the name before it: `tumor_1.png` is
    the scan of `tumor_1_mask.png`.
    """
    index = _Index()
    candidates: list[PurePosixPath] = []
    for path in files:
        marked = any(True for _ in _marks(stem_of(path.name)))
        in_masks = any(_folder(part).masks for part in path.parent.parts)
        if (marked or in_masks) and path.name.lower().endswith(_MASK_LIKE):
            candidates.append(path)
        if not marked and may_be_scan(path):
            index.add(path, in_masks=in_masks)
    found = index.masks(candidates)
    rest = [path for path in candidates if path not in found]
    for path in rest:
        in_masks = any(_folder(part).masks for part in path.parent.parts)
        if not in_masks and not is_marked(path) and may_be_scan(path):
            index.add(path, in_masks=False)
    return found | index.masks(rest)


def twins(files: Iterable[PurePosixPath]) -> dict[PurePosixPath, tuple[PurePosixPath, ...]]:
    """For each image those of its name in folders beside its own: one of them may be its scan.

    The paths differ in one folder alone; at most MAX_TWINS are named.
    """
    groups: dict[Key, list[PurePosixPath]] = defaultdict(list)
    for path in files:
        if may_be_scan(path):
            for left_out in range(len(path.parts) - 1):
                folders = (*path.parts[:left_out], "*", *path.parts[left_out + 1 : -1])
                groups[(*folders, stem_of(path.name))].append(path)
    found: dict[PurePosixPath, tuple[PurePosixPath, ...]] = {}
    for group in groups.values():
        for path in group if len(group) > 1 else ():
            others = (*found.get(path, ()), *(p for p in group[: MAX_TWINS + 1] if p != path))
            found[path] = others[:MAX_TWINS]
    return found


def may_be_scan(path: PurePosixPath) -> bool:
    """Whether the suffix is an image's, or none: scanners write DICOM files by number alone.

    >>> may_be_scan(PurePosixPath("a.PNG")), may_be_scan(PurePosixPath("1.2.840"))
    (True, True)
    >>> may_be_scan(PurePosixPath("a.csv"))
    False
    """
    return path.suffix.lower() in SUFFIXES or not re.search(r"\.[A-Za-z]\w*$", path.name)


@dataclass(slots=True)
class _Index:
    """Scans by the names that their masks may have."""

    beside: dict[tuple[PurePosixPath, str], PurePosixPath] = field(default_factory=dict)
    elsewhere: dict[Key, PurePosixPath] = field(default_factory=dict)

    def add(self, path: PurePosixPath, *, in_masks: bool) -> None:
        """Add a file that is a scan by its name."""
        self.beside.setdefault((path.parent, stem_of(path.name)), path)
        if not in_masks:
            self.elsewhere.setdefault(_keys(path)[-1], path)

    def masks(self, candidates: Iterable[PurePosixPath]) -> dict[PurePosixPath, MaskOf]:
        """Those of the files that are masks of scans."""
        found = ((path, self.mask(path)) for path in candidates)
        return {path: mask for path, mask in found if mask is not None}

    def mask(self, path: PurePosixPath) -> MaskOf | None:
        """What a file is that may be a mask by its name or folder; None without its scan."""
        marks = tuple(_marks(stem_of(path.name)))
        beside = (self.beside.get((path.parent, mark.scan)) for mark in marks)
        elsewhere = (self.elsewhere.get(key) for key in _keys(path))
        scan = next((found for found in (*beside, *elsewhere) if found), None)
        if scan is None or scan == path:
            return None
        lesion = all(mark.word != _OTHER for mark in marks)
        return MaskOf(scan=scan, certain=is_marked(path), lesion=lesion)


def _marks(stem: str) -> Iterator[_Mark]:
    """The ways in which a stem may be a mask's, the likeliest first; none for a scan's."""
    for pattern in (_MARKED_AT_END, _MARKED_AT_START, _ONLY_A_MARK):
        if match := pattern.fullmatch(stem):
            scan, word = match["scan"], match["word"].lower()
            if word == "masks":  # Cellpose's x_cp_masks
                scan = scan.removesuffix("_cp") or scan
            yield _Mark(stem_of(scan), word)
            if pattern is _MARKED_AT_END:  # x_tumor_mask
                yield from _marks(scan)


def _keys(path: PurePosixPath) -> list[Key]:
    """The parts of a path without words for images and masks: equal for a scan and its mask.

    Numbers of folders of masks count first, then not: `masks_2` may be a second person's.
    """
    own = [_folder(part) for part in path.parent.parts]
    exact = tuple(" ".join(folder.rest) for folder in own if folder.rest)
    plain = tuple(" ".join(folder.unnumbered) for folder in own if folder.unnumbered)
    stem = stem_of(path.name)
    stems = [_bare_stem(each) for each in [*(m.scan for m in _marks(stem)), stem]]
    return [(*folders, each) for folders in dict.fromkeys((exact, plain)) for each in stems]


def _bare_stem(stem: str) -> str:
    return _SCAN_AT_END.sub("", _SCAN_AT_START.sub("", stem)).casefold()


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder's name by its words, in lower case."""

    masks: tuple[str, ...]
    """Words for masks; none where it holds images too."""
    rest: tuple[str, ...]
    """Neither for masks nor for images."""

    @property
    def unnumbered(self) -> tuple[str, ...]:
        """The rest without numbers, where the folder holds masks."""
        return tuple(word for word in self.rest if not (self.masks and word.isdigit()))


@cache
def _folder(name: str) -> _Folder:
    words = [word.lower() for word in _PARTS_OF_A_NAME.findall(name)]
    text = " ".join(words).replace("ground truth", "groundtruth")
    words = text.split()
    both = bool({"and", "with"} & set(words))  # as in images_and_masks
    if both or (not words and name):
        return _Folder((), (name.lower(),))
    masks = tuple(word for word in words if word in _IN_FOLDERS)
    said = (*_IN_FOLDERS, *_SCAN_WORDS, *(_WITH_MASKS if masks else ()))
    rest = tuple(word for word in words if word not in said)
    return _Folder(masks, rest)
