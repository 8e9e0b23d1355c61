"""Figures as bytes, drawn without a screen and without matplotlib's global state."""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

TRAIN_COLOUR, VAL_COLOUR = "#0072B2", "#D55E00"
"""Blue and vermilion of Okabe and Ito: told apart by colour-blind eyes and in grey print."""

Example = tuple[str, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
"""Caption, (rows, columns, 3) scan, (rows, columns) true mask and predicted mask of 0 and 1."""

PRINT_DPI = 300
_INK = "#222222"
_LONGEST_NAME = 24
_CLASS_STYLES = {"benign": ("o", TRAIN_COLOUR), "malignant": ("^", VAL_COLOUR)}
_OTHER_STYLE = ("s", _INK)
"""A class is told by its marker too, not by colour alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How much better the second of two results is on some scans."""

    name: str
    scans: int
    difference: float
    low: float
    """NaN, as `high`, where there is no interval."""
    high: float
    p_value: float


def curve_figure(
    title: str, label: str, epochs: Sequence[int], curves: Mapping[str, Sequence[float]]
) -> bytes:
    """Named curves over epochs, the first two in blue (training) and vermilion (validation)."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axis = figure.subplots()
    styles = zip((TRAIN_COLOUR, VAL_COLOUR), ("-", "--"), ("o", "s"), strict=True)
    for (name, values), (colour, line, marker) in zip(curves.items(), styles, strict=False):
        few = marker if len(values) < 30 else None
        axis.plot(epochs, values, color=colour, linestyle=line, marker=few, ms=4, label=name)
    axis.set(title=title, xlabel="epoch", ylabel=label)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    return _png(figure)


def examples_figure(rows: Sequence[Example]) -> bytes:
    """One row an example: its caption, scan, true mask and predicted mask."""
    figure = Figure(figsize=(7, 2.35 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for row, (caption, image, truth, predicted) in enumerate(rows):
        axes[row, 0].imshow(image)
        axes[row, 0].set_ylabel(caption, fontsize=8, parse_math=False)
        axes[row, 1].imshow(truth, cmap="gray", vmin=0, vmax=1)
        axes[row, 2].imshow(predicted, cmap="gray", vmin=0, vmax=1)
    for axis, title in zip(axes[0], ("scan", "true mask", "predicted mask"), strict=True):
        axis.set_title(title)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    return _png(figure)


def comparison_figure(
    names: tuple[str, str],
    points: Mapping[str, NDArray[np.float64]],
    effects: Sequence[Effect],
) -> tuple[bytes, bytes]:
    """Two results' Dice, as PNG for print and as SVG; the same values give the same bytes.

    On the left every scan, by class (N, 2): the first result across, the second up, with the line
    where both are alike. On the right the mean difference with its interval and p-value, the first
    of `effects` on top. Without a scan the left says so and the right is empty.
    """
    figure = Figure(figsize=(7.2, 3.5), dpi=PRINT_DPI, layout="constrained")
    scatter, forest = figure.subplots(1, 2, width_ratios=(1, 1.1))
    _draw_scans(scatter, points)
    scatter.set_xlabel(f"Dice, A: {_short(names[0])}", fontsize=8, parse_math=False)
    scatter.set_ylabel(f"Dice, B: {_short(names[1])}", fontsize=8, parse_math=False)
    _draw_effects(forest, effects)
    forest.set_xlabel("Dice of B less Dice of A: mean and 95 % interval", fontsize=8)
    for axis in (scatter, forest):
        axis.tick_params(labelsize=7)
    return _png(figure), _svg(figure)


def _draw_scans(axis: Axes, points: Mapping[str, NDArray[np.float64]]) -> None:
    axis.plot((0, 1), (0, 1), color=_INK, linewidth=0.8)
    for label, scans in points.items():
        marker, colour = _CLASS_STYLES.get(label, _OTHER_STYLE)
        axis.scatter(
            scans[:, 0],
            scans[:, 1],
            s=9,
            label=f"{label} ({len(scans)})",
            marker=marker,
            facecolors="none",
            edgecolors=colour,
            linewidths=0.6,
            zorder=2,
            clip_on=False,
        )
    axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    words: dict[str, Any] = {"fontsize": 7, "color": "#555555", "transform": axis.transAxes}
    axis.text(0.03, 0.96, "B better" if points else "no scan with a lesion", va="top", **words)
    axis.text(0.97, 0.04, "A better" if points else "", ha="right", **words)
    if points:
        axis.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)


def _draw_effects(axis: Axes, effects: Sequence[Effect]) -> None:
    axis.axvline(0, color=_INK, linewidth=0.8, linestyle="--")
    for row, effect in enumerate(effects):
        axis.plot((effect.low, effect.high), (row, row), color=_INK, linewidth=1.4)
        marker = "D" if row == 0 else "o"
        axis.plot((effect.difference,), (row,), color=_INK, marker=marker, markersize=4)
        p = "p < 0.001" if effect.p_value < 0.001 else f"p = {effect.p_value:.3f}"
        axis.annotate(p, (1.02, row), xycoords=("axes fraction", "data"), fontsize=7, va="center")
    labels = [f"{_short(effect.name)} ({effect.scans})" for effect in effects]
    axis.set_yticks(range(len(effects)), labels, parse_math=False)
    axis.set_ylim(max(1, len(effects)) - 0.5, -0.5)
    axis.spines[["top", "right"]].set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # without a salt its identifiers are random
    with _silent_on_glyphs(), matplotlib.rc_context({"svg.hashsalt": "busicli"}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return buffer.getvalue()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with _silent_on_glyphs():
        FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


@contextmanager
def _silent_on_glyphs() -> Iterator[None]:
    """A name in letters that the font lacks is drawn as boxes, which needs no warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield
