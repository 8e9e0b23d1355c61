"""What a person decided on the page: the records, and the file that the page saves."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from busicli.errors import InputError
from busicli.io.escaping import percent_escape
from busicli.io.files import parse_json
from busicli.types import CLASSES, Polygon

Decision = Literal["accepted", "edited", "no_lesion", "rejected"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
FORMAT, VERSION = "busicli-reviews", 1
MAX_BYTES = 50_000_000
"""Reviews of 5,000 scans are a tenth of it."""
MAX_POINTS = 20_000
"""Points of one frame's polygons."""
MAX_COMMENT, MAX_REVIEWER = 2_000, 64
"""Characters."""
_FARTHEST_PX = 1e6
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One person's decision on one frame."""

    scan: str
    """As the manifest names it."""
    frame: int
    """From 1."""
    scan_sha256: str
    mask_sha256: str
    """Of the mask that the person looked at."""
    decision: Decision
    polygons: tuple[Polygon, ...] = ()
    """Of an edited mask; empty for other decisions."""
    label: str = ""
    """Class: benign, malignant, normal, or empty where the person gave none."""
    comment: str = ""
    at: str
    """UTC, ISO 8601, to the second."""
    reviewer: str

    def to_json(self) -> dict[str, Any]:
        """As in a file of reviews, with the reviewer."""
        row = asdict(self)
        row["class"] = row.pop("label") or None
        row["polygons"] = self.polygons if self.decision == "edited" else None
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any], reviewer: str) -> "Review":
        """The review of a row; InputError, without its scan's name, where it is not one."""
        decision = row.get("decision")
        if decision not in DECISIONS:
            _refuse(f"has the decision {_short(decision)}", f"one of {', '.join(DECISIONS)}")
        label = row.get("class") or ""
        if label not in ("", *CLASSES):
            _refuse(f"has the class {_short(label)}", f"one of {', '.join(CLASSES)}, or null")
        frame = row.get("frame", 1)
        if type(frame) is not int or frame < 1:
            _refuse(f"has the frame {_short(frame)}", "a whole number from 1")
        polygons = row.get("polygons") or []
        if (decision == "edited") != bool(polygons):
            _refuse("has polygons that do not fit its decision", "polygons for edited ones alone")
        return cls(
            scan=_text(row, "scan", 10_000),
            frame=frame,
            scan_sha256=_sha256(row, "scan_sha256"),
            mask_sha256=_sha256(row, "mask_sha256"),
            decision=decision,
            polygons=_polygons(polygons),
            label=label,
            comment=percent_escape(_text(row, "comment", MAX_COMMENT)),
            at=_time(row.get("at")),
            reviewer=reviewer,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFile:
    """The content of a file of reviews."""

    run: str
    """Id of the run whose page saved it."""
    reviews: tuple[Review, ...]


def read_reviews(path: Path) -> ReviewFile:
    """A file of reviews, all of it valid in itself; InputError with one sentence where it is not.

    Whether its scans and masks exist is for the caller to find out.
    """
    try:
        return _parsed(_document(path))
    except InputError as error:
        raise InputError(f"{path} {error}") from error


def _document(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError("is not a file; name one that the page saved.")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(
            f"has {size:,} bytes, of at most {MAX_BYTES:,}; save it on the page again."
        )
    try:
        found = parse_json(path.read_bytes())
    except InputError as error:
        raise InputError(f"cannot be read: {error}; save it on the page again.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError("is no file of reviews; name one that the page saved.")
    if found.get("version") != VERSION:
        raise InputError(
            f"has version {_short(found.get('version'))} of the format, but {VERSION} is read; "
            "use the busicli that made its page."
        )
    return found


def _parsed(found: Mapping[str, Any]) -> ReviewFile:
    reviewer = percent_escape(_text(found, "reviewer", MAX_REVIEWER)).strip()
    if not reviewer:
        raise InputError("names no reviewer; enter initials on the page and save it again.")
    rows = found.get("reviews")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("has no list of reviews; save it on the page again.")
    reviews = []
    for number, row in enumerate(rows, start=1):
        try:
            reviews.append(Review.from_json(row, reviewer))
        except InputError as error:
            name = percent_escape(_short(row.get("scan")))
            raise InputError(f"holds a bad review, number {number} ({name}): it {error}") from error
    return ReviewFile(run=_text(found, "run", 100), reviews=tuple(reviews))


def _text(row: Mapping[str, Any], name: str, longest: int) -> str:
    value = row.get(name) or ""
    if not isinstance(value, str) or len(value) > longest:
        _refuse(f"has a {name} that is no text or too long", f"at most {longest:,} characters")
    return value.encode("utf-8", "replace").decode()  # no half characters


def _sha256(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        _refuse(f"has a {name} that is no SHA-256", "64 hexadecimal digits")
    return value


def _time(value: Any) -> str:
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is None:
            raise ValueError
        utc = found.astimezone(UTC).replace(tzinfo=None)
        return f"{utc.isoformat(timespec='seconds')}Z"
    except (TypeError, ValueError, OverflowError):
        _refuse(f"has the time {_short(value)}", "ISO 8601 in UTC, such as 2026-01-31T07:12:00Z")


def _polygons(found: Any) -> tuple[Polygon, ...]:
    needed = f"lists of at least 3 points [x, y] in pixels, at most {MAX_POINTS:,} in all"
    if not isinstance(found, list) or not all(isinstance(one, list) for one in found):
        _refuse("has polygons that are no lists", needed)
    if any(len(one) < 3 for one in found) or sum(map(len, found)) > MAX_POINTS:
        _refuse("has a polygon of too few or too many points", needed)
    return tuple(tuple(_point(point, needed) for point in one) for one in found)


def _point(found: Any, needed: str) -> tuple[float, float]:
    if not isinstance(found, list) or len(found) != 2:
        _refuse("has a polygon with a point that is not two numbers", needed)
    for value in found:
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        if not numeric or abs(value) > _FARTHEST_PX or not math.isfinite(value):
            _refuse("has a polygon with a point far outside of any scan", needed)
    return float(found[0]), float(found[1])


def _short(value: Any) -> str:
    return percent_escape(str(value).encode("utf-8", "replace").decode()[:60])


def _refuse(came: str, needed: str) -> NoReturn:
    raise InputError(f"{came}; needed: {needed}.")
