"""`busicli segment-dir`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from busicli.cli.completion import weights_names
from busicli.cli.options import (
    RESULTS,
    SCANS,
    WEIGHTS,
    WHERE,
    Cluster,
    Jobs,
    MaxFalseMasks,
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
from busicli.cli.segment_inputs import (
    check_together,
    dicom_kinds,
    listed_paths,
    nothing_to_do,
    refuse_url,
)
from busicli.errors import UsageError

DICOM, BROKEN, SHOWN = "DICOM", "Broken scans", "Output and progress"
"""Titles of help panels, beside those that commands share."""


def segment_dir(
    scans: Annotated[
        str, typer.Argument(metavar="SCANS", help="Folder of scans; - reads paths from stdin.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    weights: Annotated[
        str,
        typer.Option(
            metavar="W",
            help="Weights: a folder, a training run, or the name of shipped ones.",
            rich_help_panel=WEIGHTS,
            autocompletion=weights_names,
        ),
    ] = "improved-unet",
    overlays: Annotated[
        bool,
        typer.Option(help="Write the scans with their contours drawn in.", rich_help_panel=RESULTS),
    ] = True,
    save_probabilities: Annotated[
        bool, typer.Option(help="Write probability maps as 16-bit PNG.", rich_help_panel=RESULTS)
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            help="Write report.html, a page to review all scans, with thumbnails/ and images/.",
            rich_help_panel=RESULTS,
        ),
    ] = True,
    prune: Annotated[
        bool,
        typer.Option(help="Remove the files in OUT whose scans are gone.", rich_help_panel=RESULTS),
    ] = False,
    tta: Tta = None,
    engine: Annotated[
        Literal["auto", "openvino", "keras"],
        typer.Option(
            help="Engine that runs the network; openvino runs the exported graph on CPUs.",
            rich_help_panel=WEIGHTS,
        ),
    ] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(
            help="bfloat16 is faster where the processor supports it; auto uses it if the weights' "
            "masks were measured to stay the same.",
            rich_help_panel=WEIGHTS,
        ),
    ] = "auto",
    as_json: Annotated[
        bool,
        typer.Option(
            "--json/--no-json",
            help="Print one JSON line per scan instead of a summary.",
            rich_help_panel=SHOWN,
        ),
    ] = False,
    nul: Annotated[
        bool,
        typer.Option(
            "-0",
            help="Paths on stdin are separated by NUL, as find -print0 writes them.",
            rich_help_panel=SCANS,
        ),
    ] = False,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Name listed scans by their path below this folder. Default: the current one.",
            rich_help_panel=SCANS,
        ),
    ] = None,
    names: Annotated[
        Literal["keep", "hash"],
        typer.Option(
            help="hash replaces your file names in everything written.", rich_help_panel=RESULTS
        ),
    ] = "keep",
    views: Views = None,
    max_false_masks: MaxFalseMasks = None,
    pixel_spacing: PixelSpacing = None,
    dicom: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="DICOM objects to write for DICOM scans: seg, sr, sc, or several: seg,sr.",
            rich_help_panel=DICOM,
        ),
    ] = None,
    deidentify: Annotated[
        bool,
        typer.Option(
            help="Remove patient data from DICOM objects and black out everything outside the "
            "ultrasound regions.",
            rich_help_panel=DICOM,
        ),
    ] = False,
    keep_identifiers: Annotated[
        bool,
        typer.Option(
            help="Write patient and study identifiers into the manifest.", rich_help_panel=DICOM
        ),
    ] = False,
    progress: Annotated[
        Literal["auto", "json", "none"],
        typer.Option(
            help="Progress on stderr; auto: a bar on a terminal, else a line every 10 s.",
            rich_help_panel=SHOWN,
        ),
    ] = "auto",
    max_pixels: Annotated[
        int,
        typer.Option(
            min=1, help="Refuse larger images before they are decoded.", rich_help_panel=BROKEN
        ),
    ] = 50_000_000,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Segment only this part of the scans; slurm takes it from the job array. When all "
            "parts are done: busicli merge OUT.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=86_400,
            metavar="S",
            help="Fail a scan that is not read and decoded after S seconds.",
            rich_help_panel=BROKEN,
        ),
    ] = 60,
    max_failures: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Stop once N scans have failed. Default: never.",
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
            help="Write nothing; print what would be done, is done already, or would be skipped.",
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
    """Segment every scan in a folder and its subfolders. Run again to resume."""
    check_together(
        ("--deidentify", deidentify, "--keep-identifiers", keep_identifiers),
        ("--fail-fast", fail_fast, "--max-failures", max_failures is not None),
    )
    if nul and scans != "-":
        raise UsageError("-0 is for paths on stdin; give - as SCANS, or leave -0 out.")
    if root is not None and scans != "-":
        raise UsageError("--root is for paths on stdin; give - as SCANS, or leave --root out.")
    refuse_url(scans)
    refuse_url(str(out))
    listed = listed_paths(nul=nul) if scans == "-" else ()
    if scans == "-" and not listed:
        nothing_to_do(as_json=as_json)
        return
    # imported here: SciPy would double the time of --help
    from busicli.batch.request import Callbacks, SegmentRequest
    from busicli.batch.run import segment_batch
    from busicli.batch.shards import parse_shard
    from busicli.cli.progress import is_quiet
    from busicli.cli.segment_dry_run import show_dry_run
    from busicli.cli.segment_output import ProgressOutput, show
    from busicli.cli.signals import noted_signals
    from busicli.parallel.threads import share_heaps
    from busicli.parallel.threads import workers as default_workers
    from busicli.report.formatting import counted

    images = {
        "overlays": overlays,
        "images": report,
        "probabilities": save_probabilities,
        "thumbnails": report,
    }
    request = SegmentRequest(
        scans=listed if scans == "-" else Path(scans),
        out=out,
        root=root,
        weights=weights,
        weights_sha256=weights_sha256,
        plugins=tuple(plugin or ()),
        outputs=("masks", *(name for name, on in images.items() if on), *dicom_kinds(dicom)),
        report=report,
        prune=prune,
        tta=tta,
        engine=engine,
        precision=precision,
        names=names,
        views=views,
        max_false_masks=max_false_masks,
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
        show_dry_run(request, progress, as_json=as_json)
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
    if is_quiet() and outcome.failed:  # --quiet does not hide errors
        first = outcome.failed[0]
        _note(
            f"busicli: {counted(outcome.counts.failed, 'scan')} failed, first {first.scan}: "
            f"{first.reason}; manifest.jsonl in {out} names all."
        )
    if not as_json:
        show(outcome, request)
    raise typer.Exit(outcome.exit_status)


def _note(sentence: str) -> None:
    print(sentence, file=sys.stderr)
