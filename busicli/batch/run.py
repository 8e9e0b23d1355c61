"""A run over scans: masks, images and tables in batches; unreadable scans are reported."""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from busicli.batch.inputs import InputFile, from_folder, from_list
from busicli.batch.journal import open_journal
from busicli.batch.orphans import (
    is_mask,
    orphan_files,
    remove_empty_folders,
    remove_files,
    shifted_names,
)
from busicli.batch.output_lock import acquire_output
from busicli.batch.outputs import FOLDERS, wanted_outputs
from busicli.batch.request import Callbacks, SegmentOutcome, SegmentRequest
from busicli.batch.run_scans import ScanLoop
from busicli.batch.shards import ShardRecord, ShardRow, shard_folder, write_shard
from busicli.batch.tables import keep_card, write_run_outputs
from busicli.batch.tally import NO_SCAN, now
from busicli.batch.worker import ScanWorker, scan_worker
from busicli.errors import BusicliError, InputError
from busicli.io.escaping import percent_escape
from busicli.io.files import remove_leftovers, sha256_bytes
from busicli.io.output_paths import own_folder
from busicli.io.review_store import read_store
from busicli.io.run_record import RunRecord, RunSettings
from busicli.io.scan_results import ScanResult
from busicli.parallel.limits import limit_reached

JOURNAL = "journal.jsonl"
FORMAT = 3
"""Of the journal's rows: an older one is another key, so that its scans are segmented again."""


def segment_batch(request: SegmentRequest, callbacks: Callbacks) -> SegmentOutcome:
    """Segment every scan, or resume an earlier run; an unreadable scan becomes a failed row.

    Raises BusicliError where nothing can be done: weights refused, no scans, OUT locked or full.
    """
    entries = list_inputs(request)
    worker = scan_worker(request)
    for note in worker.notes:
        callbacks.on_note(note)
    with closing(worker):
        return segment_inputs(request, worker, entries, callbacks)


def segment_inputs(
    request: SegmentRequest, worker: ScanWorker, entries: Sequence[InputFile], callbacks: Callbacks
) -> SegmentOutcome:
    """As `segment_batch`, of inputs that are listed and with weights that are loaded."""
    try:
        with acquire_output(request):
            keep_card(request.out, worker.card_text)
            outcome = _run(request, worker, entries, callbacks)
    except BrokenPipeError:  # whoever read the rows went away, OUT is not to blame
        raise
    except OSError as error:
        if reached := limit_reached(error):
            raise reached from error
        raise BusicliError(
            f"{request.out} cannot be written: {error.strerror}; "
            "make room or allow writing, and run again to resume."
        ) from error
    if outcome.exit_status == NO_SCAN:
        raise no_scan(request)
    return outcome


def list_inputs(request: SegmentRequest) -> list[InputFile]:
    """Every input of a run, also of its other parts; InputError where none is a scan."""
    if isinstance(request.scans, Path):
        entries = from_folder(request.scans, request.out)
    else:
        entries = from_list(request.scans, request.root)
    if all(entry.skip for entry in entries):
        raise no_scan(request)
    if request.names == "keep":
        return entries
    return [_hashed(entry) for entry in entries]


def journal_key(settings: RunSettings) -> str:
    """What a run's journal is known by: its results hold for these settings alone.

    Images that are drawn from masks, and the page, may come and go without a new segmentation.
    """
    kinds = [output.name for output in wanted_outputs(settings.outputs) if not output.draw_frame]
    document = {"format": FORMAT, **settings.to_json(), "outputs": kinds}
    del document["report"]
    return sha256_bytes(json.dumps(document, sort_keys=True).encode())


def no_scan(request: SegmentRequest) -> InputError:
    """What to raise where no input is a scan."""
    came = "the list" if isinstance(request.scans, tuple) else str(request.scans)
    mount = ""
    if isinstance(request.scans, Path) and not any(request.scans.iterdir()):
        came, mount = f"{came} is empty and", "mount its drive, or "
    return InputError(f"{came} holds no scan; {mount}give PNG, JPEG, BMP, TIFF or DICOM files.")


def _hashed(entry: InputFile) -> InputFile:
    """Hashes do not clash as names do."""
    name = sha256_bytes(os.fsencode(entry.relative))[:16]
    return replace(entry, relative=PurePosixPath(name), clash="")


@dataclass(frozen=True, slots=True)
class _Inputs:
    """All inputs of a run, and which of them this part segments."""

    all: Sequence[InputFile]
    mine: Sequence[int]
    """Positions in `all`."""

    @property
    def own(self) -> list[InputFile]:
        """The inputs of this part."""
        return [self.all[at] for at in self.mine]


def _run(
    request: SegmentRequest, worker: ScanWorker, entries: Sequence[InputFile], callbacks: Callbacks
) -> SegmentOutcome:
    """Segment the scans; write the tables whether the run ends or is stopped."""
    shard = request.shard
    inputs = _Inputs(
        entries, [at for at, e in enumerate(entries) if shard is None or shard.holds(e.relative)]
    )
    if shard is None:  # another part may be writing what would look like a leftover
        remove_leftovers(request.out)
    callbacks.on_start(len(inputs.mine))
    folder = journal_folder(request)
    with open_journal(folder / JOURNAL, journal_key(worker.settings)) as journal:
        loop = ScanLoop(request, worker, journal, callbacks, read_store(request.out))
        _note_shifted_names(loop, entries)
        finished = loop.run(inputs.own)
        stopped = callbacks.stop_status() if len(finished) < len(inputs.mine) else 0
        _find_orphans(loop, entries, stopped=len(finished) < len(inputs.mine))
        status = loop.tally.exit_status(stopped, is_part=shard is not None)
        results = (replace(journal.read(scan.offset), new=scan.new) for scan in finished)
        if shard is None:
            _write_run(loop, len(inputs.mine), results, status)
        else:
            _write_part(loop, inputs, len(finished), results)
    return loop.tally.outcome(len(inputs.mine), status, worker.settings.weights.name)


def _note_shifted_names(loop: ScanLoop, entries: Sequence[InputFile]) -> None:
    """Report scans that OUT holds under other names: they are about to be segmented again."""
    request = loop.request
    names = (percent_escape(entry.relative) for entry in entries if not entry.not_done)
    journal = loop.journal
    found = shifted_names(journal.scans(), names) if request.shard is None else {}
    shifted = {name: old for name, old in found.items() if journal.has_results(old)}
    if not shifted:
        return
    new, old = next(iter(shifted.items()))
    by = "the same SCANS" if isinstance(request.scans, Path) else "--root"
    loop.callbacks.on_note(
        f"Warning: {request.out} holds results of {len(shifted)} of these scans under other names, "
        f"such as {old} for {new}; give {by} to keep the names, or --prune to remove the others."
    )


def _find_orphans(loop: ScanLoop, entries: Sequence[InputFile], *, stopped: bool) -> None:
    """Count the masks of scans that are gone; remove them if asked for, unless it was stopped."""
    request, out = loop.request, loop.request.out
    files = orphan_files(out, loop.journal.scans(), entries)
    loop.tally.orphans = sum(is_mask(out, path) for path in files)
    prunes = request.prune and not stopped
    if prunes:
        remove_files(files)
    if request.shard is None:  # another part may be writing into them
        written = {output.folder for output in wanted_outputs(request.outputs)}
        remove_empty_folders(out, [name for name in FOLDERS if prunes or name not in written])


def journal_folder(request: SegmentRequest) -> Path:
    """Where a run, or this part of it, keeps its journal."""
    own = own_folder(request.out)
    return own if request.shard is None else shard_folder(own, request.shard.number)


def _write_run(loop: ScanLoop, inputs: int, results: Iterable[ScanResult], status: int) -> None:
    counts = loop.tally.counts(inputs)
    if loop.request.cluster and not counts.pending:
        remove_leftovers(loop.request.out)  # of workers that were lost
    record = RunRecord(
        settings=loop.worker.settings,
        counts=counts,
        start=loop.tally.start,
        end=now(),
        exit_status=status,
    )
    write_run_outputs(loop.request.out, results, record)


def _write_part(
    loop: ScanLoop, inputs: _Inputs, finished: int, results: Iterable[ScanResult]
) -> None:
    names = (f"{percent_escape(entry.relative)}\n".encode() for entry in inputs.all)
    left = inputs.mine[finished:]
    record = ShardRecord(
        settings=loop.worker.settings,
        listing=sha256_bytes(*names),
        counts=loop.tally.counts(len(inputs.mine)),
        next=percent_escape(inputs.all[left[0]].relative) if left else "",
        start=loop.tally.start,
        end=now(),
    )
    rows = (ShardRow(at, result) for at, result in zip(inputs.mine, results, strict=False))
    write_shard(journal_folder(loop.request), record, rows)
