"""`busicli segment-dir`."""

import json
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from busicli.cli.options import (
    RESULTS,
    SCANS,
    WEIGHTS,
    WHERE,
    Cluster,
    Jobs,
    PixelSpacing,
    Plugin,
    Tta,
    Views,
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
    from busicli.batch.request import SegmentRequest
    from busicli.io.output_paths import Kind

DICOM, BROKEN, SHOWN = "DICOM", "When scans are broken", "What is shown"
"""Headings of the help, beside those that commands share."""


def segment_dir(
    scans: Annotated[
        str, typer.Argument(metavar="SCANS", help="Folder of scans; - reads paths from stdin.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    weights: Annotated[
        str,
        typer.Option(
            metavar="W", help="Folder, or the name of weights that ship.", rich_help_panel=WEIGHTS
        ),
    ] = "improved-unet",
    overlays: Annotated[
        bool, typer.Option(help="Write contour images too.", rich_help_panel=RESULTS)
    ] = True,
    save_probabilities: Annotated[
        bool,
        typer.Option(
            help="Write each map too, as 16-bit PNG.",
            rich_help_panel=RESULTS,
        ),
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            help="Write report.html, the page to look through, with thumbnails/.",
            rich_help_panel=RESULTS,
        ),
    ] = True,
    tta: Tta = None,
    engine: Annotated[
        Literal["auto", "openvino", "keras"],
        typer.Option(
            help="What runs the network; openvino: the exported graph, on processors.",
            rich_help_panel=WEIGHTS,
        ),
    ] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(
            help="bfloat16 is faster where the processor has it; auto takes it if the weights' "
            "masks are known to stay the same.",
            rich_help_panel=WEIGHTS,
        ),
    ] = "auto",
    as_json: Annotated[
        bool,
        typer.Option(
            "--json/--no-json",
            help="Print one JSON line a scan instead of a summary.",
            rich_help_panel=SHOWN,
        ),
    ] = False,
    nul: Annotated[
        bool,
        typer.Option(
            "-0",
            help="Paths on stdin are separated by NUL, as find -print0 does.",
            rich_help_panel=SCANS,
        ),
    ] = False,
    names: Annotated[
        Literal["keep", "hash"],
        typer.Option(
            help="hash: no file name of yours in anything written.",
            rich_help_panel=RESULTS,
        ),
    ] = "keep",
    views: Views = None,
    pixel_spacing: PixelSpacing = None,
    dicom: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="DICOM objects to make of DICOM scans: seg, sr, sc, or several as seg,sr.",
            rich_help_panel=DICOM,
        ),
    ] = None,
    deidentify: Annotated[
        bool,
        typer.Option(
            help="Leave the patient out of those objects, and of images what is beside a region.",
            rich_help_panel=DICOM,
        ),
    ] = False,
    keep_identifiers: Annotated[
        bool,
        typer.Option(help="Write patients and studies into the manifest.", rich_help_panel=DICOM),
    ] = False,
    progress: Annotated[
        Literal["auto", "json", "none"],
        typer.Option(
            help="On stderr; auto: a bar on a terminal, else a line now and then.",
            rich_help_panel=SHOWN,
        ),
    ] = "auto",
    max_pixels: Annotated[
        int,
        typer.Option(
            min=1,
            help="Larger images are refused before they are decoded.",
            rich_help_panel=BROKEN,
        ),
    ] = 100_000_000,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Only this part of the scans, or slurm: its place in a job array; then merge OUT.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=86_400,
            metavar="S",
            help="A scan that is not read and decoded after S seconds fails alone.",
            rich_help_panel=BROKEN,
        ),
    ] = 60,
    max_failures: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Stop once N scans have failed; default: never.",
            rich_help_panel=BROKEN,
        ),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option(help="Stop at the first scan that fails.", rich_help_panel=BROKEN)
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Write nothing; say what would be done, what is done already, and what is "
            "skipped or refused.",
            rich_help_panel=SHOWN,
        ),
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
    """Segment every scan below a folder; run again to resume after an interruption."""
    _check_together(
        ("--deidentify", deidentify, "--keep-identifiers", keep_identifiers),
        ("--fail-fast", fail_fast, "--max-failures", max_failures is not None),
    )
    if nul and scans != "-":
        raise UsageError("-0 is for paths on stdin; give - as SCANS, or leave it out.")
    for name in (scans, str(out)):
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name):
            raise InputError(
                f"{name} is an address, not a folder; mount that storage, or copy the scans."
            )
    # imported here: SciPy would double the time of --help
    from busicli.batch.request import Callbacks, SegmentRequest
    from busicli.batch.run import segment_batch
    from busicli.batch.shards import parse_shard
    from busicli.cli.progress import is_quiet
    from busicli.cli.segment_output import ProgressOutput, show
    from busicli.cli.signals import noted_signals
    from busicli.parallel.threads import share_heaps
    from busicli.parallel.threads import workers as default_workers
    from busicli.report.formatting import counted

    images = {"overlays": overlays, "probabilities": save_probabilities, "thumbnails": report}
    request = SegmentRequest(
        scans=_listed(nul) if scans == "-" else Path(scans),
        out=out,
        weights=weights,
        weights_sha256=weights_sha256,
        plugins=tuple(plugin or ()),
        outputs=("masks", *(name for name, on in images.items() if on), *_kinds(dicom)),
        report=report,
        tta=tta,
        engine=engine,
        precision=precision,
        names=names,
        views=views,
        spacing=spacing_of(pixel_spacing),
        deidentify=deidentify,
        keep_identifiers=keep_identifiers,
        max_pixels=max_pixels,
        timeout_s=timeout,
        shard=parse_shard(part, os.environ) if part is not None else None,
        max_failures=1 if fail_fast else max_failures,
        jobs=default_workers() if jobs < 1 else jobs,
        cluster=cluster_of(cluster, workers, worker_cores, worker_memory, walltime),
    )
    if dry_run:
        _dry_run(request, progress, as_json=as_json)
        return
    share_heaps()
    with noted_signals() as stop_status:
        output = ProgressOutput(progress, as_json)
        try:
            callbacks = Callbacks(
                on_note=_note,
                on_start=output.start,
                on_result=output.result,
                stop_status=stop_status,
            )
            outcome = segment_batch(request, callbacks)
        finally:
            output.close()
    if is_quiet() and outcome.failed:  # an error is an error: whoever asked for silence must know
        first = outcome.failed[0]
        _note(
            f"busicli: {counted(outcome.counts.failed, 'scan')} failed, first {first.scan}: "
            f"{first.reason}; manifest.jsonl in {out} names all."
        )
    if not as_json:
        show(outcome, request)
    raise typer.Exit(outcome.exit_status)


def _check_together(*pairs: tuple[str, bool, str, bool]) -> None:
    for one, has_one, other, has_other in pairs:
        if has_one and has_other:
            raise UsageError(f"{one} and {other} do not go together; leave one of them out.")


def _dry_run(request: "SegmentRequest", form: str, *, as_json: bool) -> None:
    from busicli.batch.dry_run import dry_run
    from busicli.batch.tally import SOME_FAILED
    from busicli.cli.progress import tracked
    from busicli.cli.segment_output import show_dry_run

    if request.cluster:
        raise UsageError("--dry-run looks at the scans from here; leave --cluster out.")
    rows = dry_run(request, tracked("looking at scans", form))  # type: ignore[arg-type]  # checked
    if as_json:
        for row in rows:
            print(json.dumps(asdict(row), ensure_ascii=False))
    else:
        show_dry_run(rows, request.out)
    if any(row.status == "failed" for row in rows):
        raise typer.Exit(SOME_FAILED)


def _kinds(text: str | None) -> "tuple[Kind, ...]":
    from busicli.io.output_paths import KINDS

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
