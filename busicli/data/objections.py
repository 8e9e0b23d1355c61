"""Scans of BUSI to which its curators object; the list ships with busicli."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

OBJECTIONS = ("axilla", "needle", "multiclass")
"""Shows the axilla and no breast; shows a needle; has a near copy in another class."""
SOURCE = (
    "Pawłowska A. et al., Data in Brief 48 (2023) 109247; Curated BUSI, "
    "Mendeley Data k8t3gnx9h6.1, CC BY 4.0"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    by_name: Mapping[str, str]
    by_pixels: Mapping[str, str]


def objection_by_name(scan: str) -> str:
    """The objection to a scan of BUSI by its name without suffix; empty for none.

    >>> objection_by_name("benign (42)"), objection_by_name("benign (1)")
    ('multiclass', '')
    """
    return _listed().by_name.get(scan, "")


def objection_by_pixels(pixels_sha256: str) -> str:
    """The objection to an image by `Fingerprint.pixels_sha256`, whatever its name and format.

    Empty for none, and if the list does not have the hash.
    """
    return _listed().by_pixels.get(pixels_sha256, "")


@cache
def _listed() -> _Listed:
    table = files("busicli.data").joinpath("busi_objections.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    return _Listed(
        by_name={row["scan"]: row["objection"] for row in rows},
        by_pixels={row["pixels_sha256"]: row["objection"] for row in rows if row["pixels_sha256"]},
    )
