"""One frame to its lesions: views to the network, its maps to a mask, measurements and trust."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from busicli.errors import InputError
from busicli.imaging.arrays import Box
from busicli.imaging.class_probabilities import with_temperature
from busicli.imaging.confidence import confidence
from busicli.imaging.field_shape import FieldShape
from busicli.imaging.measure import lesions_of_views
from busicli.imaging.millimetres import in_millimetres
from busicli.imaging.postprocess import lesion_mask, native_lesion_mask
from busicli.imaging.preprocess import native_probability, network_image, network_mask
from busicli.imaging.topology import component_count
from busicli.inference.engines import Engine, Predictions
from busicli.inference.review import Evidence, Reason, ReviewSettings, why_review
from busicli.inference.views import FrameLayout, ViewMode, default_mode, find_layout
from busicli.io.scans import Frame
from busicli.models.card import Card
from busicli.settings import PreprocessSettings, TunedSettings
from busicli.types import (
    NETWORK_CLASSES,
    ClassProbabilities,
    FrameView,
    Image,
    Lesion,
    Mask,
    Probability,
    Scale,
    View,
)

_Pixel = TypeVar("_Pixel", np.bool_, np.float32)
_NORMAL = NETWORK_CLASSES.index("normal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """What is known of one frame, at its own size."""

    mask: Mask = field(repr=False)
    """(rows, columns) bool."""
    probability: Probability = field(repr=False)
    """(rows, columns) float32 in [0, 1]; 0 outside the views."""
    lesions: tuple[Lesion, ...]
    """Of the mask, largest first; in millimetres too where those are certain."""
    confidence: float | None = None
    """That the mask is good, in [0, 1], of the least certain view; None where the weights give
    none."""
    class_probabilities: ClassProbabilities | None = None
    """Of the view that most probably holds a lesion; None where the network gives none."""
    why_review: tuple[Reason, ...] = ()
    """Why a person should look first."""
    views: tuple[FrameView, ...] = ()
    """What the network looked at."""

    @property
    def boxes(self) -> tuple[View, ...]:
        """Those of the views."""
        return tuple(view.box for view in self.views)

    @property
    def review(self) -> bool:
        """Whether a person should look first."""
        return bool(self.why_review)

    def of_frame(self, number: int) -> Self:
        """The same, of another frame of its scan, counted from 1."""
        lesions = tuple(replace(lesion, frame=number) for lesion in self.lesions)
        views = tuple(replace(view, frame=number) for view in self.views)
        return replace(self, lesions=lesions, views=views)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSettings:
    """How frames become network inputs, and maps become masks."""

    preprocess: PreprocessSettings
    tuned: TunedSettings
    views: ViewMode
    review: ReviewSettings = field(default_factory=ReviewSettings)

    @classmethod
    def of_card(cls, card: Card, views: ViewMode | None = None) -> Self:
        """The weights' own settings; `views` None is what they were trained on."""
        mode = views or default_mode(card.preprocess)
        return cls(preprocess=card.preprocess, tuned=card.tuned, views=mode)


@dataclass(frozen=True, slots=True)
class Segmenter:
    """An engine with the settings of its weights; several threads may use it at once."""

    engine: Engine
    settings: SegmentSettings

    def segment(self, frame: Frame) -> Segmentation:
        """One frame, from its pixels to its lesions."""
        layout = self.layout(frame)
        predicted = self.engine.predict(self.network_images(frame.image, layout))
        return self.interpret(predicted, layout, frame.scale)

    def layout(self, frame: Frame) -> FrameLayout:
        """What the network looks at."""
        layout = find_layout(frame.image, frame.tissue, self.settings.views)
        return replace(layout, certain_greys=frame.certain_greys, cut_short=frame.cut_short)

    def network_images(self, image: Image, layout: FrameLayout) -> NDArray[np.uint8]:
        """An input of the network for each view: (views, size, size, 3) uint8."""
        settings = self.settings.preprocess
        shapes = layout.shapes or (None,) * len(layout.views)
        pairs = zip(layout.boxes, shapes, strict=True)
        return np.stack([network_image(image[box], settings, shape) for box, shape in pairs])

    def interpret(self, predicted: Predictions, layout: FrameLayout, scale: Scale) -> Segmentation:
        """As the function `interpret`, with the settings of these weights."""
        return interpret(predicted, layout, scale, self.settings)


def interpret(
    predicted: Predictions, layout: FrameLayout, scale: Scale, settings: SegmentSettings
) -> Segmentation:
    """What the network's output for a frame's views says of the frame.

    `predicted` holds a (size, size) map a view, in the order of the layout. Each view is
    post-processed as a scan of its own: what counts as small or as second best must not depend on
    the screen around it. What lies outside its tissue is 0. Where views overlap, the higher
    probability and either mask count.
    Raises InputError where it holds NaN, which no comparison would find.
    """
    for values in (predicted.classes, predicted.novelty):
        if values is not None and not np.isfinite(values).all():
            raise InputError("the network's output holds NaN; get the weights again.")
    shapes = layout.shapes or (None,) * len(layout.views)
    views = [
        _view(map_, box, tissue, settings)
        for map_, box, tissue in zip(predicted.maps, layout.boxes, shapes, strict=True)
    ]
    novelty, novel_from = predicted.novelty, settings.tuned.novel_from
    unlike = novelty is not None and novel_from is not None and bool((novelty >= novel_from).any())
    mask = _pasted([view.mask for view in views], layout)
    probability = _pasted([view.probability for view in views], layout)
    for strip in layout.uncertain_strips():
        mask[strip], probability[strip] = False, 0
    found = tuple(
        replace(lesion, millimetres=in_millimetres(lesion, scale))
        for lesion in lesions_of_views(mask, probability, [view.box for view in layout.views])
    )
    evidence = replace(
        _evidence(views, layout),
        classes=_classes(predicted, settings.tuned),
        unlike=unlike,
        cut_short=layout.cut_short,
    )
    return Segmentation(
        mask=mask,
        probability=probability,
        lesions=found,
        confidence=evidence.confidence,
        class_probabilities=evidence.classes,
        why_review=why_review(evidence, settings.tuned.confidence, settings.review),
        views=layout.views,
    )


@dataclass(frozen=True, slots=True)
class _View:
    """What one view's map says, at the view's own size."""

    mask: Mask
    probability: Probability
    confidence: float | None
    candidates: int
    at_border: bool
    """Whether the mask reaches the view's border, or that of its tissue."""


def _view(
    map_: Probability, box: Box, tissue: FieldShape | None, settings: SegmentSettings
) -> _View:
    tuned = settings.tuned
    rows, columns = box
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    probability = native_probability(map_, shape, settings.preprocess)
    if tissue is not None:
        inside = tissue.inside()
        probability *= inside
        map_ = map_ * network_mask(inside, settings.preprocess)
    small = lesion_mask(map_, tuned.postprocess)
    trusted = None if tuned.confidence is None else confidence(map_, small, tuned.confidence)
    mask = native_lesion_mask(probability, map_, tuned.postprocess)
    return _View(
        mask=mask,
        probability=probability,
        confidence=trusted,
        candidates=_candidates(map_, small, settings),
        at_border=_reaches_border(mask) if tissue is None else bool((mask & tissue.rim()).any()),
    )


def _candidates(map_: Probability, small: Mask, settings: SegmentSettings) -> int:
    """Components of a map whose score is near the best one's; 0 where its mask is empty."""
    if not small.any():
        return 0
    rivals = replace(settings.tuned.postprocess, min_share_of_best=settings.review.rival_share)
    return component_count(lesion_mask(map_, rivals))


def _evidence(views: Sequence[_View], layout: FrameLayout) -> Evidence:
    """What the views' masks and their places say."""
    trusted = [view.confidence for view in views if view.confidence is not None]
    return Evidence(
        confidence=min(trusted, default=None),
        certain_greys=layout.certain_greys,
        certain_field=layout.certain,
        candidates=max(view.candidates for view in views),
        at_border=any(view.at_border for view in views),
    )


def _reaches_border(mask: Mask) -> bool:
    """Whether a pixel of the outermost rows and columns is set."""
    return any(bool(side.any()) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def _classes(predicted: Predictions, tuned: TunedSettings) -> ClassProbabilities | None:
    """Calibrated, of the view with the lowest probability of being normal."""
    if predicted.classes is None:
        return None
    calibrated = with_temperature(predicted.classes, tuned.class_temperature)
    normal, benign, malignant = map(float, calibrated[int(calibrated[:, _NORMAL].argmin())])
    return ClassProbabilities(normal=normal, benign=benign, malignant=malignant)


def _pasted(parts: Sequence[NDArray[_Pixel]], layout: FrameLayout) -> NDArray[_Pixel]:
    """The views' arrays at their places in one of the frame's size, 0 elsewhere."""
    if parts[0].shape == layout.shape:
        return parts[0]  # no other view lies outside of it
    whole = np.zeros(layout.shape, parts[0].dtype)
    for part, box in zip(parts, layout.boxes, strict=True):
        np.maximum(whole[box], part, out=whole[box])
    return whole
