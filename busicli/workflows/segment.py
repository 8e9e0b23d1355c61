"""Scans to masks, outlines and tables, in batches, whatever some of the scans are."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from busicli.errors import BusicliError, InputError
from busicli.files import folder_lock, remove_leftovers, sha256_bytes, sha256_file, write_whole
from busicli.images import MAX_PIXELS
from busicli.layout import Layout
from busicli.names import written_name
from busicli.predict import BATCH, Engine, EngineName, MirroredEngine, choose_engine
from busicli.results.journal import JournalWriter, Row, journal, read_journal
from busicli.results.tables import manifest_row, write_lesions, write_manifest
from busicli.settings import Choices
from busicli.versions import versions
from busicli.weights import CARD, Card, locate, read_card
from busicli.workflows.one_scan import Opened, Steps, finish_scan, open_scan
from busicli.worklist import Work, from_folder, from_list

DEFAULT_WEIGHTS = "improved-unet"
NO_SCAN, SOME_FAILED = 1, 3


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
    mirror: bool = False
    """Average each scan's map with that of its mirror image."""
    engine: EngineName = "auto"
    names: Literal["keep", "hash"] = "keep"
    max_pixels: int = MAX_PIXELS
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
    """Asked between batches: the exit status to stop with, or 0 to go on."""


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
    """Manifest rows of the scans that failed."""


def segment(request: SegmentRequest, listeners: Listeners) -> SegmentOutcome:
    """Do every scan, or go on where an earlier run stopped; a bad scan becomes a failed row.

    Raises BusicliError where nothing can be done: weights refused, no scans, OUT locked or full.
    """
    works = _works(request)
    folder, pinned = locate(request.weights)
    card = read_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    engine, note = choose_engine(request.engine, folder, card, request.plugins)
    if note:
        listeners.on_note(note)
    if request.mirror:
        engine = MirroredEngine(engine)
    steps = Steps(
        layout=Layout(request.out),
        preprocess=card.preprocess,
        chosen=Choices(postprocess=card.postprocess, confidence=card.confidence),
        max_pixels=request.max_pixels,
        overlays=request.overlays,
        probabilities=request.probabilities,
    )
    settings = _settings(request, card, sha256_file(folder / CARD), engine)
    try:
        with folder_lock(steps.layout.own):
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
    return InputError(f"{came} holds no scan; give PNG, JPEG, BMP or TIFF files.")


def _hashed(work: Work) -> Work:
    """Hashes do not clash as names do: only a closed folder's fault is left, and names none."""
    name = sha256_bytes(os.fsencode(work.relative))[:16]
    fault = "" if work.path.is_file() else work.fault
    return replace(work, relative=PurePosixPath(name), fault=fault)


def _settings(
    request: SegmentRequest, card: Card, card_sha256: str, engine: Engine
) -> dict[str, Any]:
    """All that decides a scan's result, for `run.json` and, hashed, for going on."""
    return {
        "weights": {"name": card.name, "card_sha256": card_sha256, "files": card.files},
        "preprocess": asdict(card.preprocess),
        "postprocess": asdict(card.postprocess),
        "confidence": asdict(card.confidence) if card.confidence else None,
        "engine": {"name": engine.name, "precision": "float32"},
        "overlays": request.overlays,
        "probabilities": request.probabilities,
        "names": request.names,
        "max_pixels": request.max_pixels,
        "versions": versions(),
    }


class _Run:
    """One run over a list of scans: its rows so far and where they go."""

    def __init__(
        self, request: SegmentRequest, steps: Steps, engine: Engine, settings: dict[str, Any]
    ) -> None:
        self.request, self.steps, self.engine, self.settings = request, steps, engine, settings
        self.rows: list[Row] = []
        self.kept = 0
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()

    def all(self, works: Sequence[Work], listeners: Listeners) -> SegmentOutcome:
        """Do the scans batch by batch; write the tables whether it ends or is stopped."""
        remove_leftovers(self.steps.layout.out)
        path = self.steps.layout.own / "journal.jsonl"
        key = sha256_bytes(json.dumps(self.settings, sort_keys=True).encode())
        earlier = read_journal(path, key)
        listeners.on_start(len(works))
        with journal(path, key, earlier) as written:
            status = self._batches(works, earlier, written, listeners)
        return self._finish(works, status)

    def _batches(
        self,
        works: Sequence[Work],
        earlier: Mapping[str, Row],
        written: JournalWriter,
        listeners: Listeners,
    ) -> int:
        """While one batch is in the network, the next is read and the last one written."""

        def collect(finished: Sequence[Row | Future[Row]]) -> None:
            rows = [row.result() if isinstance(row, Future) else row for row in finished]
            new = [row for row in rows if row is not earlier.get(row["scan"])]
            written.append(new)
            self.kept += len(rows) - len(new)
            self.rows += rows
            for row in rows:
                listeners.on_row(manifest_row(row))

        opening = partial(_open, steps=self.steps, earlier=earlier)
        last: list[Row | Future[Row]] = []
        status = 0
        with ThreadPoolExecutor(self.request.jobs) as pool:
            for batch in _ahead(pool, opening, _batched(works, BATCH)):
                current = self._infer(pool, batch)
                collect(last)
                last = current
                if status := listeners.stop_status():
                    break
            collect(last)
        return status

    def _infer(
        self, pool: ThreadPoolExecutor, batch: Sequence[Opened | Row]
    ) -> list[Row | Future[Row]]:
        opened = [item for item in batch if isinstance(item, Opened)]
        if not opened:
            return [item for item in batch if not isinstance(item, Opened)]
        started = time.monotonic()
        maps = self.engine.probabilities(np.concatenate([item.inputs for item in opened]))
        seconds = (time.monotonic() - started) / len(opened)
        ends = np.cumsum([len(item.frames) for item in opened])
        own = dict(zip(map(id, opened), np.split(maps, ends[:-1]), strict=True))
        return [
            pool.submit(finish_scan, item, own[id(item)], self.steps, seconds)
            if isinstance(item, Opened)
            else item
            for item in batch
        ]

    def _finish(self, works: Sequence[Work], stopped: int) -> SegmentOutcome:
        out = self.steps.layout.out
        counts = Counter(row["status"] for row in self.rows)
        scanned = 0 if counts["ok"] else NO_SCAN
        status = stopped or (SOME_FAILED if counts["failed"] else scanned)
        write_lesions(out / "lesions.csv", self.rows)
        write_manifest(out / "manifest.jsonl", self.rows)
        record = {
            **self.settings,
            "counts": {**counts, "inputs": len(works), "pending": len(works) - len(self.rows)},
            "start": self.started.isoformat(timespec="seconds"),
            "end": datetime.now(UTC).isoformat(timespec="seconds"),
            "exit_status": status,
        }
        write_whole(out / "run.json", (json.dumps(record, indent=2) + "\n").encode())
        return SegmentOutcome(
            exit_status=status,
            counts=dict(counts),
            kept=self.kept,
            with_lesions=sum(bool(row.get("lesions")) for row in self.rows),
            for_review=sum(bool(row.get("review")) for row in self.rows),
            inputs=len(works),
            seconds=time.monotonic() - self.clock,
            weights=self.settings["weights"]["name"],
            failed=tuple(manifest_row(row) for row in self.rows if row["status"] == "failed"),
        )


def _open(work: Work, steps: Steps, earlier: Mapping[str, Row]) -> Opened | Row:
    return open_scan(work, steps, earlier.get(written_name(work.relative)))


def _ahead(
    pool: ThreadPoolExecutor,
    function: Callable[[Work], Opened | Row],
    batches: Iterable[Sequence[Work]],
) -> Iterator[list[Opened | Row]]:
    """Each batch's results, the next batch already under way."""
    waiting: list[Future[Opened | Row]] | None = None
    for batch in batches:
        begun = [pool.submit(function, work) for work in batch]
        if waiting is not None:
            yield [future.result() for future in waiting]
        waiting = begun
    if waiting is not None:
        yield [future.result() for future in waiting]


def _batched(works: Sequence[Work], size: int) -> Iterator[Sequence[Work]]:
    for start in range(0, len(works), size):
        yield works[start : start + size]
