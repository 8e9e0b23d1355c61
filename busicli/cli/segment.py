"""`busicli segment-dir`."""

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from busicli.cli.options import (
    Cluster,
    Jobs,
    PixelSpacing,
    Plugin,
    Tta,
    Walltime,
    WeightsSha256,
    WorkerCores,
    WorkerMemory,
    Workers,
    cluster_of,
    spacing_of,
)
from busicli.errors import InputError, UsageError

if TYPE_CHECKING:
    from busicli.dicom.results import Kind
    from busicli.parts import Part
    from busicli.workflows.segment_request import SegmentOutcome

TABLES = ("lesions.csv", "manifest.jsonl", "run.json")
FOLDERS = ("masks", "overlays", "thumbnails", "probabilities", "dicom")


def segment_dir(
    scans: Annotated[
        str, typer.Argument(metavar="SCANS", help="Folder of scans; - reads paths from stdin.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    weights: Annotated[
        str, typer.Option(metavar="W", help="Folder, or the name of weights that ship.")
    ] = "improved-unet",
    overlays: Annotated[bool, typer.Option(help="Write outline pictures too.")] = True,
    save_probabilities: Annotated[
        bool, typer.Option("--save-probabilities", help="Write each map too, as 16-bit PNG.")
    ] = False,
    report: Annotated[
        bool, typer.Option(help="Write report.html, the page to look through, with thumbnails/.")
    ] = True,
    tta: Tta = False,
    engine: Annotated[
        str,
        typer.Option(help="auto, openvino (the exported graph on processors) or keras."),
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help="auto, float32 or bfloat16: faster where the processor has it; auto takes it if "
            "the weights' masks are known to stay the same."
        ),
    ] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line a scan instead of a summary.")
    ] = False,
    nul: Annotated[
        bool, typer.Option("-0", help="Paths on stdin are separated by NUL, as find -print0 does.")
    ] = False,
    names: Annotated[
        str, typer.Option(help="keep, or hash: no file name of yours in anything written.")
    ] = "keep",
    pixel_spacing: PixelSpacing = None,
    dicom: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="DICOM objects to make of DICOM scans: seg, sr, sc, or several as seg,sr.",
        ),
    ] = None,
    deidentify: Annotated[
        bool,
        typer.Option(
            "--deidentify",
            help="Leave the patient out of those objects, and of pictures what is beside a region.",
        ),
    ] = False,
    keep_identifiers: Annotated[
        bool,
        typer.Option("--keep-identifiers", help="Write patients and studies into the manifest."),
    ] = False,
    progress: Annotated[str, typer.Option(help="auto, json or none; always on stderr.")] = "auto",
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Larger pictures are refused before they are decoded.")
    ] = 100_000_000,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Only this part of the scans, or slurm: its place in a job array; then merge OUT.",
        ),
    ] = None,
    max_failures: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Stop once N scans have failed; default: never."),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first scan that fails.")
    ] = False,
    jobs: Jobs = -1,
    cluster: Cluster = None,
    workers: Workers = None,
    worker_cores: WorkerCores = None,
    worker_memory: WorkerMemory = None,
    walltime: Walltime = None,
    weights_sha256: WeightsSha256 = None,
    plugin: Plugin = None,
) -> None:
    """Segment every scan below a folder; run again to go on after an interruption."""
    for value, option, known in (
        (names, "--names", ("keep", "hash")),
        (progress, "--progress", ("auto", "json", "none")),
        (engine, "--engine", ("auto", "openvino", "keras")),
        (precision, "--precision", ("auto", "float32", "bfloat16")),
    ):
        if value not in known:
            raise UsageError(f"{option} is {value}; it must be {' or '.join(known)}.")
    for name in (scans, str(out)):
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name):
            raise InputError(
                f"{name} is an address, not a folder; mount that storage, or copy the scans."
            )
    # imported here: SciPy would double the time of --help
    from busicli.cli.signals import noted_signals
    from busicli.parts import parsed_part
    from busicli.workflows.segment import segment
    from busicli.workflows.segment_request import Listeners, SegmentRequest

    request = SegmentRequest(
        scans=_listed(nul) if scans == "-" else Path(scans),
        out=out,
        weights=weights,
        weights_sha256=weights_sha256,
        plugins=tuple(plugin or ()),
        overlays=overlays,
        probabilities=save_probabilities,
        report=report,
        mirror=tta,
        engine=engine,  # type: ignore[arg-type]  # checked above
        precision=precision,  # type: ignore[arg-type]  # checked above
        names="hash" if names == "hash" else "keep",
        spacing=spacing_of(pixel_spacing),
        dicom=_kinds(dicom),
        deidentify=deidentify,
        keep_identifiers=keep_identifiers,
        max_pixels=max_pixels,
        part=parsed_part(part, os.environ) if part is not None else None,
        max_failures=1 if fail_fast else max_failures,
        jobs=os.cpu_count() or 1 if jobs < 1 else jobs,
        cluster=cluster_of(cluster, workers, worker_cores, worker_memory, walltime),
    )
    with noted_signals() as stop_status:
        shown = _Shown(progress, as_json)
        try:
            listeners = Listeners(
                on_note=_note, on_start=shown.start, on_row=shown.row, stop_status=stop_status
            )
            outcome = segment(request, listeners)
        finally:
            shown.close()
    if not as_json:
        _show(outcome, out, request.part)
    raise typer.Exit(outcome.exit_status)


def _kinds(text: str | None) -> "tuple[Kind, ...]":
    from busicli.dicom.results import KINDS

    named = [part.strip() for part in text.split(",")] if text is not None else []
    if unknown := [part for part in named if part not in KINDS]:
        raise UsageError(f"--dicom names {unknown[0]!r}; it takes {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in named)


def _note(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _listed(nul: bool) -> tuple[Path, ...]:
    """Paths from stdin as the bytes they are; empty lines are left out."""
    parts = sys.stdin.buffer.read().split(b"\0" if nul else b"\n")
    return tuple(Path(os.fsdecode(part)) for part in parts if part)


class _Shown:
    """What is seen while scans are done: a bar on stderr, JSON lines on stdout if asked for."""

    def __init__(self, form: str, as_json: bool) -> None:
        self.form, self.as_json = form, as_json
        self.bar: Any = None

    def start(self, scans: int) -> None:
        from busicli.cli.progress import bar

        self.bar = bar("segmenting", scans, self.form)  # type: ignore[arg-type]

    def row(self, row: dict[str, Any]) -> None:
        if self.as_json:
            print(json.dumps(row, ensure_ascii=False), flush=True)
        self.bar.update(1)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def _show(outcome: "SegmentOutcome", out: Path, part: "Part | None") -> None:
    counts = outcome.counts
    done = counts["ok"]
    before = f" ({outcome.kept} of them in an earlier run)" if outcome.kept else ""
    print(
        f"{done} scans segmented{before}, lesions in {outcome.with_lesions}; "
        f"{counts['failed']} failed, {counts['skipped']} files skipped; "
        f"{outcome.seconds:.1f} s with {outcome.weights}."
    )
    if outcome.for_review:
        print(
            f"{outcome.for_review} need a person's eye first: their rows in manifest.jsonl say "
            '"review": true.'
        )
    for row in outcome.failed:
        print(f"  failed: {row['scan']}: {row['reason']}")
    if more := counts["failed"] - len(outcome.failed):
        print(f"  and {more} more: see manifest.jsonl")
    left = outcome.inputs - sum(counts.values())
    if left:
        print(f"Stopped with {left} files to go; run the same command again to go on.")
    if part is not None:
        print(f"This was part {part.number} of {part.of}; once all are done: busicli merge {out}")
        return
    written = [f"{name}/" for name in FOLDERS if (out / name).is_dir()]
    page = ("report.html",) if (out / "report.html").is_file() else ()
    print(f"Results in {out}: {', '.join((*page, *written, *TABLES))}")
    print("Not a medical device: a person must check every mask.")
