"""Writes docs/reference/settings.md from busicli/settings/: python tools/settings.py."""

import ast
import inspect
from dataclasses import fields
from pathlib import Path

from busicli import settings

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
TABLES = {
    settings.TrainSettings: (
        "Training",
        "`busicli train --set KEY=VALUE`, such as `--set dice_weight=2`. Some have an option "
        "of their own, such as `--epochs`.",
    ),
    settings.AugmentSettings: (
        "Augmentation",
        "`busicli train --set augmentation.KEY=VALUE`. Each epoch draws new changes. "
        "Angles, shifts and brightness are uniform between minus and plus the bound, factors "
        "uniform in their logarithm, speckle and blur uniform from 0 to the bound. 0 turns a "
        "change off; 1 does for `speckle_size_px`, `speckle_aspect` and `low_res_factor`.",
    ),
    settings.PostprocessSettings: (
        "From probability map to mask",
        "Stored in the weights' card and never set by hand. `train` chooses them on the validation "
        "split, `eval --folds` on the other folds' scans. The defaults hold if nothing was chosen.",
    ),
}


def page() -> str:
    """The whole page."""
    lines = ["# Settings", "", "Written from `busicli/settings/` by `make docs`."]
    for record, (title, how) in TABLES.items():
        lines += ["", f"## {title}", "", how, "", "| key | default | meaning |", "|---|---|---|"]
        meaning_of = meanings(record)
        for field in fields(record):
            default = "" if field.name == "augmentation" else f"`{field.default}`"
            lines.append(f"| `{field.name}` | {default} | {meaning_of[field.name]} |")
    return "\n".join(lines) + "\n"


def meanings(record: type) -> dict[str, str]:
    """What the string below each field says; KeyError later where a field has none."""
    (body,) = ast.parse(inspect.getsource(record)).body
    assert isinstance(body, ast.ClassDef)
    pairs = zip(body.body, body.body[1:], strict=False)
    return {
        field.target.id: inspect.cleandoc(text.value.value).replace("\n", " ").rstrip(".")
        for field, text in pairs
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
