"""The manifest and the table of lesions, written whole from the rows of a run."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from busicli.files import write_whole
from busicli.names import safe_cell

LESION_COLUMNS = (
    "scan",
    "frame",
    "lesion",
    "area_px",
    "bbox",
    "centroid",
    "long_axis_px",
    "short_axis_px",
    "orientation_deg",
    "circularity",
    "solidity",
    "mean_probability",
    "touches_border",
)


def manifest_row(row: dict[str, Any]) -> dict[str, Any]:
    """A journal row as it stands in the manifest: the number of lesions, not their measures."""
    return {**row, "lesions": len(row["lesions"])} if "lesions" in row else dict(row)


def write_manifest(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """`manifest.jsonl`: one JSON object a line, UTF-8."""
    lines = [json.dumps(manifest_row(row), ensure_ascii=False) + "\n" for row in rows]
    write_whole(path, "".join(lines).encode())


def write_lesions(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """`lesions.csv`: one row a lesion, in the scans' order; positions as `row column ...`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LESION_COLUMNS)
    for row in rows:
        for lesion in row.get("lesions", ()):
            values = {"scan": safe_cell(row["scan"]), **lesion}
            writer.writerow([_cell(values[column]) for column in LESION_COLUMNS])
    write_whole(path, text.getvalue().encode())


def _cell(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return " ".join(str(_cell(v)) for v in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else value
