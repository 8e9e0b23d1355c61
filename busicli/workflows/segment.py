"""Scans to masks, outlines and tables, in batches, whatever some of the scans are."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from busicli.dicom.results import Kind, Maker
from busicli.errors import BusicliError, InputError
from busicli.files import folder_lock, remove_leftovers, sha256_bytes, sha256_file, write_whole
from busicli.images import MAX_PIXELS
from busicli.layout import Layout
from busicli.names import written_name
from busicli.parallel import in_order
from busicli.parts import Part
from busicli.predict import (
    Engine,
    EngineName,
    EngineRequest,
    MirroredEngine,
    PrecisionName,
    choose_engine,
)
from busicli.records import Spacing
from busicli.results.journal import Journal, Place, Row, open_journal
from busicli.results.shares import PartRecord, count_parts, join_parts, part_folder, write_part
from busicli.results.tables import manifest_row, write_tables
from busicli.settings import Choices
from busicli.versions import versions
from busicli.weights import CARD, Card, locate, read_card
from busicli.workflows.one_dicom import DicomSteps
from busicli.workflows.one_scan import Opened, Steps, finish_scan, open_scan
from busicli.workflows.report import keep_card, write_report
from busicli.worklist import Work, from_folder, from_list

DEFAULT_WEIGHTS = "improved-unet"
NO_SCAN, SOME_FAILED = 1, 3
STATUSES = ("ok", "failed", "skipped")
LISTED_FAILURES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRequest:
    """What to segment and how."""

    scans: Path | tuple[Path, ...]
    """A folder, or the files themselves."""
    out: Path
    weights: str = DEFAULT_WEIGHTS
    weights_sha256: str | None = None
    plugins: tuple[Path, ...] = ()
    overlays: bool = True
    probabilities: bool = False
    """Write each scan's probability map too."""
    report: bool = True
    """Write the page to look through, and its small pictures."""
    mirror: bool = False
    """Average each scan's map with that of its mirror image."""
    engine: EngineName = "auto"
    precision: PrecisionName = "auto"
    names: Literal["keep", "hash"] = "keep"
    spacing: Spacing | None = None
    """Of pictures' pixels; DICOM objects say themselves."""
    dicom: tuple[Kind, ...] = ()
    """DICOM objects to be made of DICOM scans."""
    deidentify: bool = False
    """Leave the patient out of them."""
    keep_identifiers: bool = False
    """Name patients in the manifest."""
    max_pixels: int = MAX_PIXELS
    part: Part | None = None
    """Only this part of the scans; `busicli.workflows.merge` makes the whole."""
    max_failures: int | None = None
    """Stop once so many scans have failed, at least 1; None never stops for it."""
    jobs: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told, and who may stop the run."""

    on_note: Callable[[str], None]
    """Called with a sentence that whoever runs this should read."""
    on_start: Callable[[int], None]
    """Called with the number of inputs."""
    on_row: Callable[[Row], None]
    """Called with each scan's manifest row, in the scans' order."""
    stop_status: Callable[[], int]
    """Asked before each scan: the exit status to stop with, or 0 to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOutcome:
    """How a run ended."""

    exit_status: int
    counts: dict[str, int]
    """Inputs by status."""
    kept: int
    """Scans whose results of an earlier run still hold."""
    with_lesions: int
    """Scans in which a lesion was found."""
    for_review: int
    """Scans whose mask a person should look at first."""
    inputs: int
    seconds: float
    weights: str
    failed: tuple[Row, ...]
    """Manifest rows of the first scans that failed."""


def segment(request: SegmentRequest, listeners: Listeners) -> SegmentOutcome:
    """Do every scan, or go on where an earlier run stopped; a bad scan becomes a failed row.

    Raises BusicliError where nothing can be done: weights refused, no scans, OUT locked or full.
    """
    works = _works(request)
    folder, pinned = locate(request.weights)
    card = read_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    wanted = EngineRequest(name=request.engine, precision=request.precision, streams=request.jobs)
    engine, note = choose_engine(wanted, folder, card, request.plugins)
    if note:
        listeners.on_note(note)
    if request.mirror:
        engine = MirroredEngine(engine)
    card_sha256 = sha256_file(folder / CARD)
    steps = Steps(
        layout=Layout(request.out),
        preprocess=card.preprocess,
        chosen=Choices(postprocess=card.postprocess, confidence=card.confidence),
        max_pixels=request.max_pixels,
        overlays=request.overlays,
        probabilities=request.probabilities,
        thumbnails=request.report,
        spacing=request.spacing,
        dicom=_dicom_steps(request, card, card_sha256),
    )
    settings = _settings(request, card, card_sha256, engine)
    try:
        with _held(request):
            keep_card(request.out, folder)
            outcome = _Run(request, steps, engine, settings).all(works, listeners)
    except BrokenPipeError:  # whoever read the rows went away: no fault of the folder
        raise
    except OSError as error:
        raise BusicliError(
            f"{request.out} cannot be written: {error.strerror}; "
            "make room or allow writing, and run again to go on."
        ) from error
    if outcome.exit_status == NO_SCAN:
        raise _no_scan(request)
    return outcome


@contextmanager
def _held(request: SegmentRequest) -> Iterator[None]:
    """OUT, or this part's share of it, for this run alone."""
    own = Layout(request.out).own
    if request.part is not None:
        join_parts(own, request.part)
        own = part_folder(own, request.part.number)
    elif count_parts(own) is not None:
        raise BusicliError(f"{request.out} holds a run in parts; take --part or another folder.")
    with folder_lock(own):
        yield


def _works(request: SegmentRequest) -> list[Work]:
    if isinstance(request.scans, Path):
        works = from_folder(request.scans, request.out)
    else:
        works = from_list(request.scans)
    if all(work.skip for work in works):
        raise _no_scan(request)
    if request.names == "keep":
        return works
    return [_hashed(work) for work in works]


def _no_scan(request: SegmentRequest) -> InputError:
    came = "the list" if isinstance(request.scans, tuple) else str(request.scans)
    return InputError(f"{came} holds no scan; give PNG, JPEG, BMP, TIFF or DICOM files.")


def _hashed(work: Work) -> Work:
    """Hashes do not clash as names do: only a closed folder's fault is left, and names none."""
    name = sha256_bytes(os.fsencode(work.relative))[:16]
    fault = "" if work.path.is_file() else work.fault
    return replace(work, relative=PurePosixPath(name), fault=fault)


def _dicom_steps(request: SegmentRequest, card: Card, card_sha256: str) -> DicomSteps:
    maker = Maker(
        weights=card.name,
        weights_sha256=card_sha256,
        version=versions()["busicli"],
        deidentified=request.deidentify,
    )
    return DicomSteps(kinds=request.dicom, maker=maker, keep_identifiers=request.keep_identifiers)


def _settings(
    request: SegmentRequest, card: Card, card_sha256: str, engine: Engine
) -> dict[str, Any]:
    """All that decides a scan's result, for `run.json` and, hashed, for going on."""
    return {
        "weights": {"name": card.name, "card_sha256": card_sha256, "files": card.files},
        "preprocess": asdict(card.preprocess),
        "postprocess": asdict(card.postprocess),
        "confidence": asdict(card.confidence) if card.confidence else None,
        "engine": {"name": engine.name, "precision": engine.precision},
        "overlays": request.overlays,
        "probabilities": request.probabilities,
        "report": request.report,
        "names": request.names,
        "max_pixels": request.max_pixels,
        "pixel_spacing": asdict(request.spacing) if request.spacing else None,
        "dicom": list(request.dicom),
        "deidentify": request.deidentify,
        "keep_identifiers": request.keep_identifiers,
        "versions": versions(),
    }


class _Run:
    """One run over a list of scans: what came of them so far and where it goes."""

    def __init__(
        self, request: SegmentRequest, steps: Steps, engine: Engine, settings: dict[str, Any]
    ) -> None:
        self.request, self.steps, self.engine, self.settings = request, steps, engine, settings
        own, part = steps.layout.own, request.part
        self.own = own if part is None else part_folder(own, part.number)
        self.counts: Counter[str] = Counter()
        self.failed: list[Row] = []
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()

    def all(self, works: Sequence[Work], listeners: Listeners) -> SegmentOutcome:
        """Do the scans, several side by side; write the tables whether it ends or is stopped."""
        part = self.request.part
        if part is None:  # another part may be at work on what would seem to be left over
            remove_leftovers(self.steps.layout.out)
        key = sha256_bytes(json.dumps(self.settings, sort_keys=True).encode())
        mine = [at for at, work in enumerate(works) if part is None or part.holds(work.relative)]
        listeners.on_start(len(mine))
        with open_journal(self.own / "journal.jsonl", key) as journal:
            places = self._scans([works[at] for at in mine], journal, listeners)
            stopped = listeners.stop_status() if len(places) < len(mine) else 0
            status = self._status(stopped)
            rows = map(journal.read, places)
            if part is None:
                self._write_whole(rows, len(mine), status)
            else:
                at_rows = ({"at": at, **row} for at, row in zip(mine, rows, strict=False))
                write_part(self.own, self._part_record(works, mine, len(places)), at_rows)
        return self._outcome(len(mine), status)

    def _scans(self, works: Sequence[Work], journal: Journal, listeners: Listeners) -> list[Place]:
        """Where each scan's row stands, in the scans' order; fewer than `works` if stopped, by the
        user or by failures.

        A worker takes a scan (as many as the engine likes at once) from its file to its mask: it
        reads, computes and writes on one core, so that as many workers as cores keep all busy, and
        no more scans are in memory than a few a worker.
        """

        def goes_on(_: object) -> bool:
            limit = self.request.max_failures
            enough = limit is not None and self.counts["failed"] >= limit
            return not enough and not listeners.stop_status()

        def some(part: Sequence[Work]) -> list[Row]:
            return [] if listeners.stop_status() else self._rows(part, journal)

        places: list[Place] = []
        parts = takewhile(goes_on, _parts(works, self.engine.batch))
        done = in_order(some, parts, jobs=self.request.jobs)
        for rows in takewhile(bool, done):  # the tables end where a worker found itself stopped
            for row in rows:
                places.append(self._note(row, journal))
                listeners.on_row(manifest_row(row))
        return places

    def _rows(self, works: Sequence[Work], journal: Journal) -> list[Row]:
        """A few scans from file to mask, and their rows in order."""
        steps = self.steps
        begun: list[Opened | Row] = []
        for work in works:
            place = journal.earlier(written_name(work.relative))
            begun.append(open_scan(work, steps, journal.read(place) if place else None))
        opened = [item for item in begun if isinstance(item, Opened)]
        if not opened:
            return [item for item in begun if not isinstance(item, Opened)]
        started = time.monotonic()
        maps = self.engine.probabilities(np.concatenate([item.inputs for item in opened]))
        seconds = (time.monotonic() - started) / len(opened)
        ends = np.cumsum([len(item.frames) for item in opened])
        own = iter(np.split(maps, ends[:-1]))
        return [
            finish_scan(item, next(own), steps, seconds) if isinstance(item, Opened) else item
            for item in begun
        ]

    def _note(self, row: Row, journal: Journal) -> Place:
        """Count a row, and keep it in the journal unless it stands there."""
        place = journal.earlier(row["scan"])
        kept = place is not None and journal.read(place) == row
        self.counts[row["status"]] += 1
        self.counts["kept"] += kept and row["status"] == "ok"
        self.counts["with lesions"] += bool(row.get("lesions"))
        self.counts["for review"] += bool(row.get("review"))
        if row["status"] == "failed" and len(self.failed) < LISTED_FAILURES:
            self.failed.append(manifest_row(row))
        return place if kept and place else journal.append(row)

    def _status(self, stopped: int) -> int:
        if stopped or self.counts["failed"]:
            return stopped or SOME_FAILED
        # a part may be left without a scan: the whole is judged by the merge
        return 0 if self.counts["ok"] or self.request.part else NO_SCAN

    def _write_whole(self, rows: Iterable[Row], inputs: int, status: int) -> None:
        out = self.steps.layout.out
        write_tables(out, rows)
        record = {
            **self.settings,
            "counts": self._counts(inputs),
            "start": self.started.isoformat(timespec="seconds"),
            "end": datetime.now(UTC).isoformat(timespec="seconds"),
            "exit_status": status,
        }
        write_whole(out / "run.json", (json.dumps(record, indent=2) + "\n").encode())
        if self.request.report:
            write_report(out)

    def _part_record(self, works: Sequence[Work], mine: Sequence[int], done: int) -> PartRecord:
        names = (f"{written_name(work.relative)}\n".encode() for work in works)
        return PartRecord(
            settings=self.settings,
            listing=sha256_bytes(*names),
            counts=self._counts(len(mine)),
            next=written_name(works[mine[done]].relative) if done < len(mine) else "",
            start=self.started.isoformat(timespec="seconds"),
            end=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _counts(self, inputs: int) -> dict[str, int]:
        counts = {status: self.counts[status] for status in STATUSES}
        return {**counts, "inputs": inputs, "pending": inputs - sum(counts.values())}

    def _outcome(self, inputs: int, status: int) -> SegmentOutcome:
        return SegmentOutcome(
            exit_status=status,
            counts={name: self.counts[name] for name in STATUSES},
            kept=self.counts["kept"],
            with_lesions=self.counts["with lesions"],
            for_review=self.counts["for review"],
            inputs=inputs,
            seconds=time.monotonic() - self.clock,
            weights=self.settings["weights"]["name"],
            failed=tuple(self.failed),
        )


def _parts(works: Sequence[Work], size: int) -> Iterator[Sequence[Work]]:
    for start in range(0, len(works), size):
        yield works[start : start + size]
