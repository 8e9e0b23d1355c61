"""`busicli review`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from busicli.report.formatting import counted

if TYPE_CHECKING:
    from busicli.review.run import ReviewOutcome

LISTED = 10


def review(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that segment-dir wrote.")],
    reviews: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="REVIEWS.JSON...",
            help="Files that the page saved. Without any, an interrupted review is finished.",
        ),
    ] = None,
    scans: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the scans, which DICOM objects are made from. Default: the folder "
            "that segment-dir read."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json/--no-json", help="Print JSON instead of sentences.")
    ] = False,
) -> None:
    """Apply reviews of the page: corrected masks, tables, page and DICOM objects."""
    # imported here: --help must stay fast
    from busicli.cli.progress import tracked
    from busicli.review.run import ReviewRequest
    from busicli.review.run import review as run

    request = ReviewRequest(out=out, files=tuple(reviews or ()), scans=scans)
    outcome = run(request, tracked("applying reviews"))
    if as_json:
        share = {"accepted_share": outcome.agreement.accepted_share}
        document = asdict(outcome)
        document["agreement"] |= share
        print(json.dumps(document, indent=2))
    else:
        _show(outcome, out)
    raise typer.Exit(outcome.exit_status)


def _show(outcome: "ReviewOutcome", out: Path) -> None:
    known = f", {outcome.known:,} known already" if outcome.known else ""
    print(f"{counted(outcome.new, 'new review')}{known}, {len(outcome.refused)} refused.")
    _list([f"refused: {sentence}" for sentence in outcome.refused])
    _list(
        [
            f"disagreement: {one.scan}, frame {one.frame}: {one.reviewers[0]} {one.decisions[0]}, "
            f"{one.reviewers[1]} {one.decisions[1]}; the newer one, of {one.reviewers[1]}, holds"
            for one in outcome.disagreements
        ]
    )
    if outcome.without_objects:
        print(
            f"{counted(outcome.without_objects, 'scan')} without DICOM objects after the review: "
            "manifest.jsonl says why, in dicom_left_out."
        )
    _show_agreement(outcome)
    print(f"Results in {out}: masks and tables as reviewed, the network's own in model_masks/")
    print("Not a medical device: a person must check every mask.")


def _show_agreement(outcome: "ReviewOutcome") -> None:
    found = outcome.agreement
    share, dice = found.accepted_share, found.edited_dice
    accepted = "" if share is None else f" ({share:.0%} of those not rejected)"
    edited = "" if dice is None else f" (mean Dice {dice:.3f} of the network with the reviewer)"
    print(
        f"Reviewed in all: {counted(found.frames, 'image')}, {found.accepted} accepted{accepted}, "
        f"{found.edited} edited{edited}, {found.no_lesion} without a lesion, "
        f"{found.rejected} rejected."
    )


def _list(lines: list[str]) -> None:
    for line in lines[:LISTED]:
        print(f"  {line}")
    if len(lines) > LISTED:
        print(f"  and {len(lines) - LISTED} more: see --json")
