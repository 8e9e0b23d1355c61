"""The table of figures in the project's README, from the card of the weights that ship."""

from collections.abc import Iterator
from typing import Any

from cells import Values, table, with_interval

NAMES = {"Dataset_BUSI_with_GT": "BUSI", "BUSBRA": "BUS-BRA"}
"""What data sets are called where their folder is named otherwise."""
OVERVIEW = (
    *("scored on", "new to the network", "scans with a lesion", "Dice per image (95 % interval)"),
    *("empty masks", "false masks on normal scans"),
)


def overview(card: Values) -> str:
    """The table of the project's README: cross-validation and data sets left out."""
    rows = []
    for title, metrics in card["scores"].items():
        left_out = title.removeprefix("not trained on ")
        unseen = left_out != title
        if unseen or title == "crossvalidation":
            names = [left_out] if unseen else list(metrics["by_dataset"])
            new = "the data set" if unseen else f"the scan and its patient ({metrics['split']})"
            rows += [row for name in names for row in _overview_rows(name, metrics, new)]
    return table(OVERVIEW, rows) + "\n"


def _overview_rows(name: str, metrics: Values, new: str) -> Iterator[tuple[Any, ...]]:
    whole = metrics["by_dataset"][name]
    clean = metrics.get("without_objections", {}).get("by_dataset", {}).get(name, whole)
    shown = NAMES.get(name, name)
    if clean["scans"] < whole["scans"]:
        yield _overview_row(f"{shown}, without scans that curators object to", clean, new)
        shown = f"{shown}, all scans"
    yield _overview_row(shown, whole, new)


def _overview_row(shown: str, found: Values, new: str) -> tuple[Any, ...]:
    lesions, normals = found["scans_with_lesion"], found["normals"]
    return (
        *(shown, new, f"{lesions:,}"),
        with_interval(found["dice"]),
        found["lesion_scans_with_empty_mask"],
        f"{found['normals_with_false_mask']} of {normals}" if normals else "no normal scans",
    )
