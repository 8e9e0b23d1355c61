"""The folder that an evaluation leaves, whatever was scored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from busicli.errors import InputError
from busicli.evaluation.comparison_images import THUMBNAILS, write_comparison_images
from busicli.evaluation.plots import NAMES, PLOTS
from busicli.evaluation.records import EvaluationSummary, to_json
from busicli.io.files import atomic_write, write_json
from busicli.plots.drawing import Plot
from busicli.report.write import REPORT, write_report
from busicli.training.tuned_settings import TUNED_SETTINGS
from busicli.types import ImageScore

EXAMPLES = "examples"
METRICS = "metrics.json"
_OF_SCORES = (
    *(REPORT, TUNED_SETTINGS, f"{THUMBNAILS}/{'[0-9]' * 6}.jpg"),
    *(
        f"{name}.{suffix}"
        for name in (EXAMPLES, *(f"{PLOTS}/{n}" for n in NAMES))
        for suffix in ("png", "svg")
    ),
)
"""What shows scores and is not always rewritten, as patterns below the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOutcome:
    """What was found, and where it stands."""

    summary: EvaluationSummary
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One scan's scores, and its image with both contours as JPEG."""

    score: ImageScore
    image: bytes = field(repr=False)


def check_folder(out: Path) -> None:
    """Raise InputError where `out` holds something, and no earlier evaluation."""
    if out.is_dir() and any(out.iterdir()) and not (out / METRICS).is_file():
        raise InputError(
            f"{out} holds files but no {METRICS}, so eval did not make it; name another folder."
        )


def write_results(
    out: Path, summary: EvaluationSummary, table: bytes, examples: Plot | None
) -> None:
    """`metrics.json`, `per_image.csv` and, where there are images, `examples.png` and `.svg`.

    The images and the page of an earlier evaluation go first: they show other scores.
    """
    check_folder(out)
    for path in [path for pattern in _OF_SCORES for path in out.glob(pattern)]:
        path.unlink()
    write_json(out / METRICS, to_json(summary))
    atomic_write(out / "per_image.csv", table)
    if examples is not None:
        examples.write(out / EXAMPLES)


def write_page(out: Path, images: Sequence[bytes]) -> None:
    """`report.html` with its `thumbnails/`, once the tables stand there."""
    write_comparison_images(out, images)
    write_report(out)
