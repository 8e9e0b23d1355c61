"""What a run leaves beside its masks: manifest, table of lesions, record and page."""

import csv
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from busicli.batch.output_lock import run_id
from busicli.batch.same_object import mark_same_objects
from busicli.io.files import atomic_text, atomic_write, write_json
from busicli.io.lesion_table import CLASS_COLUMNS, LESION_COLUMNS, class_cells, lesion_cells
from busicli.io.output_paths import own_folder
from busicli.io.run_record import RunRecord
from busicli.io.scan_results import ScanResult, manifest_line
from busicli.models.weights import CARD
from busicli.report.write import REPORT, write_report


def write_tables(out: Path, results: Iterable[ScanResult]) -> None:
    """`manifest.jsonl`, one line a scan, and `lesions.csv`, one row a lesion: UTF-8, in order.

    Each file appears whole or not at all.
    """
    with (
        atomic_text(out / "lesions.csv") as table,
        atomic_text(out / "manifest.jsonl") as manifest,
    ):
        columns = (*LESION_COLUMNS, *CLASS_COLUMNS)
        writer = csv.DictWriter(table, columns, lineterminator="\n")
        writer.writeheader()
        for result in results:
            manifest.write(manifest_line(result) + "\n")
            classes = class_cells(result.class_probabilities)
            writer.writerows(lesion_cells(result.scan, each) | classes for each in result.lesions)


def write_run_outputs(out: Path, results: Iterable[ScanResult], record: RunRecord) -> None:
    """The end of a run: its tables, `run.json` and, if the record says so, its page."""
    write_tables(out, mark_same_objects(results))
    write_json(out / "run.json", replace(record, id=run_id(out)).to_json())
    if record.settings.report:
        write_report(out)
    else:
        (out / REPORT).unlink(missing_ok=True)  # of an earlier run


def keep_card(out: Path, card_text: bytes) -> None:
    """Keep a copy of the weights' card below `out`, so that the page can show it later too."""
    atomic_write(own_folder(out) / CARD, card_text)
