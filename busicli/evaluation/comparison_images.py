"""Images of scored scans: one a scan with both contours, and a few from the best to the worst."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from busicli.data.store import PreparedScans
from busicli.imaging.arrays import scaled_box
from busicli.imaging.preprocess import native_image, network_mask
from busicli.inference.engines import Predictions
from busicli.inference.segmenter import Segmentation, SegmentSettings, interpret
from busicli.inference.views import one_view
from busicli.io.files import atomic_write
from busicli.plots.drawing import Plot
from busicli.plots.examples import examples_plot
from busicli.report.evaluation_page import image_name
from busicli.report.thumbnail import encode_comparison, small_shape
from busicli.settings import TunedSettings
from busicli.types import ImageScore, Mask, Scale

EXAMPLES = 6
THUMBNAILS = "thumbnails"
_NO_SCALE = Scale(origin="none: scores are in pixels")


def segmented(
    scans: PreparedScans, index: int, predicted: Predictions, tuned: TunedSettings
) -> Segmentation:
    """What the network's output for a scan says of it, at the scan's own size."""
    case = scans.cases[index]
    settings = SegmentSettings(preprocess=scans.preprocess, tuned=tuned, views="auto")
    layout = replace(
        one_view((case.height, case.width), case.view),
        certain_greys="uncertain greys" not in case.doubts,
        certain="no certain ultrasound field" not in case.doubts,
        cut_short="rest of the image missing" in case.doubts,
        shapes=(scans.field_shape(index),),
    )
    return interpret(predicted[index : index + 1], layout, _NO_SCALE, settings)


def comparison_image(scans: PreparedScans, index: int, predicted: Mask, reference: Mask) -> bytes:
    """One scan with the contours of both masks, which are at the scan's own size, as JPEG.

    The data hold what the network sees of the scan, at its size; it is brought back to the scan's
    proportions, black around it.
    """
    shape = small_shape(reference.shape)
    box = scaled_box(scans.cases[index].box, reference.shape, shape)
    image = native_image(scans.images[index], shape, scans.preprocess, box)
    return encode_comparison(image, predicted, reference)


def write_comparison_images(out: Path, images: Sequence[bytes]) -> None:
    """Write them below `thumbnails/` in the order of `per_image.csv`."""
    for index, image in enumerate(images):
        atomic_write(out / THUMBNAILS / image_name(index), image)


def example_plot(
    scans: PreparedScans,
    predicted: Predictions,
    scores: Sequence[ImageScore],
    tuned: Sequence[TunedSettings],
) -> Plot:
    """A few scans at the network's size, as `pick_examples` picks them."""
    rows = []
    for index in pick_examples(scores):
        native = segmented(scans, index, predicted, tuned[index]).mask
        mask = network_mask(native[scans.cases[index].box], scans.preprocess)
        images, masks = scans.images[index : index + 1], scans.masks[index : index + 1]
        rows.append((caption(scores[index]), images[0], masks[0], mask))
    return examples_plot(rows)


def pick_examples(scores: Sequence[ImageScore]) -> list[int]:
    """From the best scan to the worst in even steps, so that nobody picks the pretty ones."""
    values = np.array([1.0 if np.isnan(score.dice) else score.dice for score in scores])
    order = np.argsort(-values, kind="stable")
    positions = np.linspace(0, len(order) - 1, min(EXAMPLES, len(order))).round().astype(int)
    return [int(index) for index in order[positions]]


def caption(score: ImageScore) -> str:
    """Which scan it is, and how well it was done."""
    dice = "both empty" if np.isnan(score.dice) else f"Dice {score.dice:.2f}"
    return f"{score.case}\n{dice}"
