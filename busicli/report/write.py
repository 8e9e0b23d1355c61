"""Writes the page of a run or an evaluation from the files in its folder."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from busicli.errors import BusicliError, InputError
from busicli.io.files import atomic_text, parse_json, sha256_bytes
from busicli.io.output_paths import own_folder
from busicli.io.run_record import RunRecord
from busicli.io.scan_results import ScanResult
from busicli.models.weights import CARD, locate_shipped, shipped_names
from busicli.report.links import Links, inlined, links_below, no_links
from busicli.report.page import page_text
from busicli.report.reading import document, read_run_record, run_results, table_rows
from busicli.report.run_page import ImageLinks, run_page, run_scan, urgency
from busicli.report.view_model import Frame, Page, ScanView

REPORT = "report.html"
THUMBNAILS = "thumbnails"
MOST_INLINE = 500
"""Images that one file may hold: some 10 MB, which a browser still opens at once."""

MOST_SHOWN = 20_000
"""Scans on a page: a browser takes seconds for more, and nobody looks through them."""


def write_report(out: Path, *, inline: bool = False) -> Path:
    """Write `report.html` into a folder of `segment-dir` or `eval`, and return its path.

    Images are linked; `inline` puts them into the file, which then needs nothing else. The same
    results give the same bytes. Of more than MOST_SHOWN scans it shows the worst.

    Raises InputError where the folder holds no results, where its tables are damaged, or where
    there are more than MOST_INLINE images to inline.
    """
    try:
        page, scans = _found(out, inline=inline)
        with atomic_text(out / REPORT) as file:
            file.writelines(page_text(page, scans))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the tables in {out} are damaged or of another version; make them again."
        ) from error
    except OSError as error:
        raise BusicliError(
            f"{REPORT} cannot be written into {out}: {error.strerror}; make room or allow it."
        ) from error
    return out / REPORT


def _found(out: Path, *, inline: bool) -> tuple[Page, Iterable[ScanView]]:
    if (out / "manifest.jsonl").is_file() and (out / "lesions.csv").is_file():
        return _of_run(out, inline=inline)
    if (out / "metrics.json").is_file() and (out / "per_image.csv").is_file():
        return _of_scores(out, inline=inline)
    raise InputError(
        f"{out} holds no manifest.jsonl with lesions.csv, nor metrics.json with per_image.csv; "
        "name a folder that segment-dir or eval wrote to."
    )


def _of_run(out: Path, *, inline: bool) -> tuple[Page, Iterable[ScanView]]:
    if inline:
        _check_few(out, map(_images, run_results(out)))
    record = read_run_record(out)
    images = _image_links(out, record, inline=inline)
    run = document(out / "run.json")
    page = run_page(record, {"Run": run, "Weights' card": _card(out, run)})
    count = record.counts.inputs
    if inline or count <= MOST_SHOWN:
        scans = (run_scan(result, images) for result in run_results(out))
        return page, _with_images(out, scans) if inline else scans
    note = (
        f"{count:,} files are too many for a page: it shows the {MOST_SHOWN:,} to look at first, "
        "manifest.jsonl lists all."
    )
    shown, results = _worst(out), enumerate(run_results(out))
    worst = (run_scan(result, images) for number, result in results if number in shown)
    return replace(page, notes=(*page.notes, note)), worst


def _image_links(out: Path, record: RunRecord, *, inline: bool) -> ImageLinks:
    overlays = "overlays" in record.settings.outputs and not inline
    return ImageLinks(
        thumbnails=links_below(out, THUMBNAILS),
        overlays=links_below(out, "overlays") if overlays else no_links,
        masks=no_links if inline else links_below(out, "masks"),
        images=no_links if inline else links_below(out, "images"),
        probabilities=no_links if inline else links_below(out, "probabilities"),
    )


def _worst(out: Path) -> set[int]:
    """Numbers of the MOST_SHOWN scans to look at first; scans themselves would fill the memory."""
    urgencies = ((urgency(result), number) for number, result in enumerate(run_results(out)))
    return {number for _, number in heapq.nsmallest(MOST_SHOWN, urgencies)}


def _of_scores(out: Path, *, inline: bool) -> tuple[Page, Iterable[ScanView]]:
    # SciPy's statistics are slow to load, and a run needs none
    from busicli.report.evaluation_page import scored_scan, scores_page

    rows = list(table_rows(out / "per_image.csv"))
    if inline:
        _check_few(out, (1 for _ in rows))
    thumbnails: Links = links_below(out, THUMBNAILS)
    metrics = document(out / "metrics.json")
    page = scores_page(metrics, rows, _card(out, metrics))
    scans = (scored_scan(index, cells, thumbnails) for index, cells in enumerate(rows))
    return page, _with_images(out, scans) if inline else scans


def _images(result: ScanResult) -> int:
    """How many images a scan takes; what is no scan takes none."""
    return 0 if result.status == "skipped" else max(1, len(result.masks))


def _check_few(out: Path, images: Iterable[int]) -> None:
    count = sum(images)
    if count > MOST_INLINE:
        raise InputError(
            f"{out} holds {count:,} scans (frames count each) and one file holds at most "
            f"{MOST_INLINE}; leave out --inline and keep {THUMBNAILS} beside {REPORT}."
        )


def _with_images(out: Path, scans: Iterable[ScanView]) -> Iterator[ScanView]:
    for scan in scans:
        frames = tuple(_with_image(out, frame) for frame in scan.frames)
        yield replace(scan, frames=frames)


def _with_image(out: Path, frame: Frame) -> Frame:
    return replace(frame, thumbnail=inlined(out, frame.thumbnail))


def _card(out: Path, record: dict[str, Any]) -> dict[str, Any]:
    """The card of the weights that a record names, if one with the same hash is found."""
    weights = record.get("weights")
    named = weights if isinstance(weights, dict) else {}
    candidates = [own_folder(out) / CARD]
    if named.get("name") in shipped_names():
        candidates.append(locate_shipped(named["name"])[0] / CARD)
    for path in candidates:
        data = path.read_bytes() if path.is_file() else b""
        if sha256_bytes(data) == named.get("card_sha256"):
            return _without_scans(parse_json(data))
    return {}


def _without_scans(card: dict[str, Any]) -> dict[str, Any]:
    """The card without thousands of hashes."""
    scans = card.get("training_scans") or ()
    return {**card, "training_scans": f"{len(scans):,}, listed by hash in the card itself"}
