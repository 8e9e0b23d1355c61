"""A comparison of two results on the screen."""

import json

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from busicli.cli.scores import between, number
from busicli.evaluation.compare import CompareOutcome
from busicli.evaluation.comparison import Differences
from busicli.evaluation.records import to_json
from busicli.imaging.bootstrap import PairedDifference
from busicli.io.escaping import first_few
from busicli.report.formatting import counted

METRICS = {
    "dice": ("Dice", ".3f"),
    "iou": ("IoU", ".3f"),
    "hd95_px": ("HD95, px", ".1f"),
    "dice_empty_is_1": ("Dice, empty is 1", ".3f"),
    "false_masks": ("false masks", ".3f"),
}
"""What they are called, and how they are written."""
TABLE_COLUMNS = 104
"""Figures must not be cut where there is no terminal, or a narrow one."""
LONGEST_NAME = 20
COLUMNS = ("", "metric", "scans", "A", "B", "B - A", "95 % interval", "p")


def show(outcome: CompareOutcome, *, as_json: bool) -> None:
    """Print a comparison as a table with the notes to read it by, or as one JSON document."""
    found = outcome.comparison
    if as_json:
        print(json.dumps(to_json(found)))
        return
    print(f"A: {found.a}\nB: {found.b}")
    print(f"{counted(found.scans, 'scan')} of both, in {counted(found.groups, 'group')}.")
    for name, alone in (("a", found.only_in_a), ("b", found.only_in_b)):
        if alone:
            print(f"Left out, only in {name.upper()}: {len(alone)} ({first_few(alone)}).")
        if seen := found.seen_in_training[name]:
            print(f"The weights of {name.upper()} have seen {seen}.")
    Console(width=max(Console().width, TABLE_COLUMNS)).print(_table(found.differences))
    print(
        "Dice and IoU are over the scans with a lesion, HD95 without the "
        f"{found.hd95_left_out} whose mask came out empty in A or B;\n"
        "false masks are the share of normal scans with a mask. Of these two, less is better.\n"
        "Interval: paired bootstrap over groups. p: two-sided, by flipping the signs of whole "
        "groups' differences;\nit is not corrected for the number of rows."
    )
    print(f"Written to {outcome.out}: compare.json, compare.csv, compare.png, compare.svg")


def _table(found: Differences) -> Table:
    table = Table(title="Paired by scan", box=SIMPLE_HEAD)
    table.add_column(COLUMNS[0], max_width=LONGEST_NAME, overflow="fold")
    table.add_column(COLUMNS[1], no_wrap=True)
    for name in COLUMNS[2:]:
        table.add_column(name, justify="right", no_wrap=True)
    parts = [part for kind in found.kinds.values() for part in kind.items()]
    for name, rows in parts:
        shown = {metric: row for metric, row in rows.items() if row.scans}
        for position, (metric, row) in enumerate(shown.items()):
            words, form = METRICS[metric]
            table.add_row("" if position else name, words, *_cells(row, form))
        table.add_section()
    return table


def _cells(row: PairedDifference, form: str) -> tuple[str, ...]:
    return (
        str(row.scans),
        number(row.a, form),
        number(row.b, form),
        number(row.difference, f"+{form}"),
        between(row.low, row.high, f"+{form}"),
        "< 0.001" if row.p_value < 0.001 else f"{row.p_value:.3f}",
    )
