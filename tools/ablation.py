"""What each part of the recipe is worth.

    python tools/ablation.py BUSI BUSBRA BREAST [VARIANT...]

Trains and scores every variant below on two of five folds of the data sets, the folds side by side
on a core each, a few epochs at 128 px, and writes the table of docs/explanation/ablation.md. What
is done already in ablation/ is kept, so that it can be stopped and resumed. Name variants to make
only these.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from marked import replace_marked

from busicli.imaging.bootstrap import mean_interval

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "ablation.md"
WORK = Path("ablation")
FOLDS = ("1", "2")
RECIPE = ("--epochs", "12")
SIZE = ("--size", "128")
BASE = "the recipe"
BUSI, BUSBRA, BREAST = (Path(argument).name for argument in (*sys.argv[1:4], "", "", "")[:3])
"""Data sets are called as their folders."""
COLUMNS = (
    *("variant", "BUSI", "BUS-BRA", "BrEaST", "difference", "95 % interval"),
    *("false masks", "empty masks", "fold 1", "fold 2"),
)
PLUGIN = "examples/cmunext_plugin/cmunext.py"
Scores = dict[str, dict[str, str]]
"""Rows of per_image.csv by data set and case."""


@dataclass(frozen=True)
class Variant:
    """The recipe with one thing changed."""

    name: str
    train: tuple[str, ...] = ()
    """Options of `busicli train`."""
    prepare: tuple[str, ...] = SIZE
    """Options of `busicli preprocess`."""
    score: tuple[str, ...] = ()
    """Options of `busicli eval`."""
    same_weights: bool = False
    """Whether only the scoring differs."""


def setting(text: str) -> tuple[str, str]:
    """A setting of training."""
    return "--set", text


def option(text: str) -> tuple[str, str]:
    """An option of the architecture."""
    return "--model-option", text


SHAPES = ("rotation_deg", "shift_fraction", "scale", "stretch")
GREYS = ("gamma", "contrast", "brightness", "gain_field", "depth_gain", "speckle_std", "blur_px")
SCENES = ("sector_prob", "two_views_prob", "margin_prob", "screen_prob")
MARKS = ("burned_in_text_prob", "caliper_prob", "body_mark_prob")
OLD_FILES = ("low_res_prob", "jpeg_prob")


def without(*changes: str) -> tuple[str, ...]:
    """The recipe without some changes of its augmentation."""
    return tuple(part for change in changes for part in setting(f"augmentation.{change}=0"))


VARIANTS = (
    Variant(BASE),
    Variant("no augmentation", ("--no-augment",)),
    Variant("no change of shape", without(*SHAPES)),
    Variant("no change of greys", without(*GREYS, "rayleigh_prob")),
    Variant("no screens, margins, second views or sectors", without(*SCENES)),
    Variant("no low resolution or JPEG", without(*OLD_FILES)),
    Variant("no text, calipers or body marks", without(*MARKS)),
    Variant("no lesion-free crops", without("lesion_free_crop_prob")),
    Variant("cross-entropy alone", setting("dice_weight=0")),
    Variant("Dice loss alone", setting("bce_weight=0")),
    Variant("no loss of the class", setting("class_weight=0")),
    Variant("no class head", option("class_head=false")),
    Variant("presence term", setting("presence_weight=0.1")),
    Variant("rare kinds not shown more often", setting("class_balance=0")),
    Variant("weights not averaged", setting("ema_momentum=0")),
    Variant("random weights at first", ("--init", "random")),
    Variant("trained on scans with objections, too", ("--objected", "keep")),
    Variant("BUSI alone", ("--dataset", BUSI)),
    Variant("proportions kept", prepare=(*SIZE, "--aspect", "keep")),
    Variant("192 px, started at 128", prepare=("--size", "192")),
    Variant("batches of 8", ("--batch-size", "8")),
    Variant("three times the learning rate", ("--learning-rate", "0.003")),
    Variant(
        "the baseline notebook's U-Net, a quarter of its filters",
        ("--model", "unet", "--model-option", "filters=16"),
    ),
    Variant(
        "CMUNeXt-S, examples/cmunext_plugin",
        ("--model", "cmunext-s", "--plugin", PLUGIN),
        score=("--plugin", PLUGIN),
    ),
    Variant("flip test-time augmentation", score=("--tta",), same_weights=True),
)


def main() -> None:
    """Make what is missing, then the table."""
    datasets, only = sys.argv[1:4], set(sys.argv[4:])
    if len(datasets) < 3 or only - {variant.name for variant in VARIANTS}:
        sys.exit(f"{__doc__}\nVariants: {', '.join(variant.name for variant in VARIANTS)}")
    for variant in VARIANTS:
        if not only or variant.name in only:
            make(variant, datasets)
    PAGE.write_text(replace_marked(PAGE, "ablation", table()), encoding="utf-8")


def make(variant: Variant, datasets: Sequence[str]) -> None:
    """Prepare, train and score a variant, as far as that is not done."""
    data = WORK / "-".join(("data", *(part.strip("-") for part in variant.prepare)))
    if not (data / "dataset.json").is_file():
        busicli(("preprocess", *datasets, "--out", str(data), *variant.prepare))
    name = slug(BASE if variant.same_weights else variant.name)
    out = WORK / "eval" / slug(variant.name)
    if (out / "metrics.json").is_file():
        return
    common = ("--data", str(data), "--runs", str(WORK / "runs"), "--folds", "5")
    folds = [("train", *common, "--fold", fold, "--name", name, *RECIPE) for fold in FOLDS]
    busicli(*((*fold, *variant.train, "--resume") for fold in folds))
    picked = tuple(part for fold in FOLDS for part in ("--fold", fold))
    weights = ("--weights", str(WORK / "runs" / name))
    busicli(("eval", *common, *picked, *weights, "--out", str(out), *variant.score))


def busicli(*commands: Sequence[str]) -> None:
    """The program itself, side by side on a core each; ends where one fails."""
    one_each = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    environment = os.environ | (one_each if len(commands) > 1 else {})
    program = [sys.executable, "-m", "busicli", "--settings", os.devnull]
    running = [subprocess.Popen([*program, *c], env=environment) for c in commands]
    statuses = [process.wait() for process in running]
    for command, status in zip(commands, statuses, strict=True):
        if status:
            sys.exit(f"busicli {' '.join(command)} failed.")


def table() -> str:
    """The Markdown table of the variants that are scored."""
    base = per_image(BASE)
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for variant in VARIANTS:
        if (WORK / "eval" / slug(variant.name) / "metrics.json").is_file():
            lines.append(row(variant.name, base))
    return "\n".join(lines) + "\n"


def row(name: str, base: Scores) -> str:
    """One variant's figures."""
    metrics = json.loads((WORK / "eval" / slug(name) / "metrics.json").read_text())
    own = per_image(name)
    difference = "| |"
    if name != BASE:
        shared = [case for case in own if case in base and own[case]["dice"] and base[case]["dice"]]
        lesions = [case for case in shared if int(base[case]["reference_area_px"])]
        gain = np.array([float(own[c]["dice"]) - float(base[c]["dice"]) for c in lesions])
        groups = np.array([int(base[case]["group"]) for case in lesions])
        found = mean_interval(gain, groups)
        difference = f"{found.mean:+.3f} | {found.low:+.3f} to {found.high:+.3f} |"
    by, whole = metrics["by_dataset"], metrics["per_image"]
    means = " | ".join(mean(by.get(dataset)) for dataset in (BUSI, BUSBRA, BREAST))
    return (
        f"| {name} | {means} | {difference} "
        f"{whole['normals_with_false_mask']} of {whole['normals']} | "
        f"{whole['lesion_scans_with_empty_mask']} of {whole['scans_with_lesion']} | "
        f"{mean(metrics['by_fold']['1'])} | {mean(metrics['by_fold']['2'])} |"
    )


def per_image(name: str) -> Scores:
    """The scored scans of a variant."""
    with (WORK / "eval" / slug(name) / "per_image.csv").open(newline="", encoding="utf-8") as file:
        return {f"{row['dataset']} {row['case']}": row for row in csv.DictReader(file)}


def mean(summary: dict[str, dict[str, float]] | None) -> str:
    """Mean Dice of a summary."""
    return f"{summary['dice']['mean']:.3f}" if summary else "-"


def slug(name: str) -> str:
    """A folder's name."""
    return "-".join("".join(c if c.isalnum() else " " for c in name).split())


if __name__ == "__main__":
    main()
