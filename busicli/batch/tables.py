"""The manifest and the table of lesions, written whole from the rows of a run."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from busicli.io.escaping import escape_csv_formula
from busicli.io.files import atomic_text, atomic_write, write_json
from busicli.io.output_paths import OutputPaths
from busicli.models.weights import CARD
from busicli.report.write import REPORT, write_report

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
    "long_axis_mm",
    "short_axis_mm",
    "area_mm2",
    "width_mm",
    "height_mm",
    "wider_than_tall_ratio",
    "depth_mm",
)


def manifest_row(row: dict[str, Any]) -> dict[str, Any]:
    """A journal row as it stands in the manifest: the number of lesions, not their measures."""
    return {**row, "lesions": len(row["lesions"])} if "lesions" in row else dict(row)


def write_tables(out: Path, rows: Iterable[dict[str, Any]]) -> None:
    """`manifest.jsonl`, one JSON object a scan, and `lesions.csv`, one row a lesion: UTF-8, in the
    rows' order; positions in the table as `row column ...`. Both appear whole.
    """
    with (
        atomic_text(out / "lesions.csv") as table,
        atomic_text(out / "manifest.jsonl") as manifest,
    ):
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(LESION_COLUMNS)
        for row in rows:
            manifest.write(json.dumps(manifest_row(row), ensure_ascii=False) + "\n")
            for lesion in row.get("lesions", ()):
                values = {"scan": escape_csv_formula(row["scan"]), **lesion}
                writer.writerow([_cell(values[column]) for column in LESION_COLUMNS])


def _cell(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return " ".join(str(_cell(v)) for v in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else value


def write_run_outputs(out: Path, rows: Iterable[dict[str, Any]], record: dict[str, Any]) -> None:
    """The end of a run: its tables, `run.json` and, if the record says so, its page."""
    write_tables(out, rows)
    write_json(out / "run.json", record)
    if record["report"]:
        write_report(out)
    else:
        (out / REPORT).unlink(missing_ok=True)  # of an earlier run


def keep_card(out: Path, weights: Path) -> None:
    """Keep a copy of the weights' card under `out`, so that the page can show it later too."""
    atomic_write(OutputPaths(out).own / CARD, (weights / CARD).read_bytes())
