"""`busicli segment-dir`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from busicli.cli.completion import weights_names
from busicli.cli.options import (
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
    in_results,
    in_scans,
    in_weights,
    in_where,
    option_under,
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

in_dicom, in_broken = option_under("DICOM"), option_under("Broken scans")
in_shown = option_under("Output and progress")


def segment_dir(
    scans: Annotated[
        str, typer.Argument(metavar="SCANS", help="Folder of scans; - reads paths from stdin.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    weights: Annotated[
        str,
        in_weights(
            metavar="W",
            help="Weights: a folder, a training run, or the name of shipped ones.",
            autocompletion=weights_names,
        ),
    ] = "improved-unet",
    overlays: Annotated[
        bool, in_results(help="Write the scans with their contours drawn in.")
    ] = True,
    save_probabilities: Annotated[
        bool, in_results(help="Write probability maps as 16-bit PNG.")
    ] = False,
    report: Annotated[
        bool,
        in_results(
            help="Write report.html, a page to review all scans, with thumbnails/ and images/."
        ),
    ] = True,
    prune: Annotated[
        bool, in_results(help="Remove the files in OUT whose scans are gone.")
    ] = False,
    tta: Tta = None,
    engine: Annotated[
        Literal["auto", "openvino", "keras"],
        in_weights(help="Engine that runs the network; openvino runs the exported graph on CPUs."),
    ] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        in_weights(
            help="bfloat16 is faster where the processor supports it; auto uses it if the weights' "
            "masks were measured to stay the same."
        ),
    ] = "auto",
    as_json: Annotated[
        bool,
        in_shown("--json/--no-json", help="Print one JSON line per scan instead of a summary."),
    ] = False,
    nul: Annotated[
        bool,
        in_scans("-0", help="Paths on stdin are separated by NUL, as find -print0 writes them."),
    ] = False,
    root: Annotated[
        Path | None,
        in_scans(
            metavar="FOLDER",
            help="Name listed scans by their path below this folder. Default: the current one.",
        ),
    ] = None,
    names: Annotated[
        Literal["keep", "hash"],
        in_results(help="hash replaces your file names in everything written."),
    ] = "keep",
    views: Views = None,
    max_false_masks: MaxFalseMasks = None,
    pixel_spacing: PixelSpacing = None,
    dicom: Annotated[
        str | None,
        in_dicom(
            metavar="KINDS",
            help="DICOM objects to write for DICOM scans: seg, sr, sc, or several: seg,sr.",
        ),
    ] = None,
    deidentify: Annotated[
        bool,
        in_dicom(
            help="Remove patient data from DICOM objects and black out everything outside the "
            "ultrasound regions."
        ),
    ] = False,
    keep_identifiers: Annotated[
        bool, in_dicom(help="Write patient and study identifiers into the manifest.")
    ] = False,
    progress: Annotated[
        Literal["auto", "json", "none"],
        in_shown(help="Progress on stderr; auto: a bar on a terminal, else a line every 10 s."),
    ] = "auto",
    max_pixels: Annotated[
        int, in_broken(min=1, help="Refuse larger images before they are decoded.")
    ] = 50_000_000,
    part: Annotated[
        str | None,
        in_where(
            metavar="I/N",
            help="Segment only this part of the scans; slurm takes it from the job array. When all "
            "parts are done: busicli merge OUT.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        in_broken(
            min=0.1,
            max=86_400,
            metavar="S",
            help="Fail a scan that is not read and decoded after S seconds.",
        ),
    ] = 60,
    max_failures: Annotated[
        int | None,
        in_broken(min=1, metavar="N", help="Stop once N scans have failed. Default: never."),
    ] = None,
    fail_fast: Annotated[bool, in_broken(help="Stop at the first scan that fails.")] = False,
    dry_run: Annotated[
        bool,
        in_shown(
            "--dry-run",
            help="Write nothing; print what would be done, is done already, or would be skipped.",
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
