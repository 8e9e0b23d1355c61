"""`busicli show`."""

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from busicli.cli.options import PixelSpacing, Plugin, Views, WeightsSha256, in_weights, spacing_of
from busicli.errors import UsageError

if TYPE_CHECKING:
    from busicli.api import ShowOutcome
    from busicli.types import FrameView, Image, Lesion


def show(
    scan: Annotated[Path, typer.Argument(metavar="SCAN", help="An image or a DICOM object.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Write the image there; default: into this terminal."),
    ] = None,
    frame: Annotated[int, typer.Option(min=1, help="Which frame of several.")] = 1,
    weights: Annotated[
        str, in_weights(metavar="W", help="Folder, or the name of weights that ship.")
    ] = "improved-unet",
    views: Views = None,
    pixel_spacing: PixelSpacing = None,
    weights_sha256: WeightsSha256 = None,
    plugin: Plugin = None,
) -> None:
    """Look at one scan: its contours as an image, and what was measured."""
    if out is not None and out.suffix.lower() != ".png":
        raise UsageError(f"--out is {out}; the image is a PNG: give a name that ends in .png.")
    if out is not None and out.exists() and (out.is_dir() or out.samefile(scan)):
        raise UsageError(f"--out is {out}, a folder or the scan itself; give another name.")
    if out is None and not _shows_images():
        raise UsageError("this terminal shows no images; give --out IMAGE.png.")
    # imported here: SciPy would double the time of --help
    from busicli.api import ShowRequest
    from busicli.api import show as run
    from busicli.io.images import encode_image

    request = ShowRequest(
        scan=scan,
        frame=frame,
        weights=weights,
        weights_sha256=weights_sha256,
        plugins=tuple(plugin or ()),
        views=views,
        spacing=spacing_of(pixel_spacing),
    )
    outcome = run(request)
    if out is None:
        _show(outcome.image)
    else:
        from busicli.io.files import atomic_write

        atomic_write(out, encode_image(outcome.image))
        print(f"Written to {out}.")
    _print_measurements(outcome, frame)


def _shows_images() -> bool:
    """Whether stdout is a terminal that says it draws images: by Sixel or Kitty's protocol."""
    if not sys.stdout.isatty() or not os.get_terminal_size(sys.stdout.fileno()).columns:
        return False
    from textual_image.renderable import Image, SixelImage, TGPImage

    return Image in (SixelImage, TGPImage)


def _show(image: "Image") -> None:
    from PIL import Image as Pillow
    from rich.console import Console
    from textual_image.renderable import Image as TerminalImage

    from busicli.cli.streams import draw_on_terminal
    from busicli.io.images import encode_image

    console = Console()
    with console.capture() as drawn:
        console.print(TerminalImage(Pillow.open(io.BytesIO(encode_image(image)))))
    draw_on_terminal(drawn.get())


def _print_measurements(outcome: "ShowOutcome", frame: int) -> None:
    of_frames = f"Frame {frame} of {outcome.frames}: " if outcome.frames > 1 else ""
    segmentation = outcome.segmentation
    count = len(segmentation.lesions)
    print(f"{of_frames}{count or 'no'} lesion{'' if count == 1 else 's'}.")
    for lesion in segmentation.lesions:
        print(f"  {lesion.lesion}: {_size(lesion)}")
    print(f"Millimetres: {outcome.millimetres}.")
    print(f"Views: {', '.join(map(_view, segmentation.views))}.")
    if segmentation.class_probabilities is not None:
        print(f"Class: {segmentation.class_probabilities}.")
    if segmentation.confidence is not None:
        print(f"Confidence {segmentation.confidence:.2f}.")
    if segmentation.review:
        print(f"For review: {', '.join(segmentation.why_review)}.")
    print("Not a medical device: a person must check every mask.")


def _view(view: "FrameView") -> str:
    """What was looked at and why."""
    if view.kind == "whole":
        return "the whole frame"
    top, left, bottom, right = view.box
    source = "from the header" if view.source == "header" else "found in the image"
    return f"rows {top} to {bottom}, columns {left} to {right} ({source})"


def _size(lesion: "Lesion") -> str:
    millimetres = lesion.millimetres
    if millimetres is None:
        return (
            f"{lesion.long_axis_px:.0f} x {lesion.short_axis_px:.0f} px, {lesion.area_px:,} px in "
            f"area, mean probability {lesion.mean_probability:.2f}"
        )
    return (
        f"{millimetres.long_axis_mm:.1f} x {millimetres.short_axis_mm:.1f} mm, "
        f"{millimetres.area_mm2:.0f} mm2 in area, mean probability {lesion.mean_probability:.2f}"
    )
