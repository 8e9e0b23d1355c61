"""What all figures share: colours, sizes, and their bytes, drawn without a screen and with
matplotlib's own settings: a matplotlibrc in the current folder may be a stranger's, and have text
typeset by LaTeX.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from busicli.io.files import atomic_write

matplotlib.rcdefaults()

BLUE, VERMILION, INK = "#0072B2", "#D55E00", "#222222"
"""The first two of Okabe and Ito: distinguished by colour-blind eyes and in grey print."""
CLASS_STYLES = {"benign": ("o", BLUE), "malignant": ("^", VERMILION)}
"""A class is shown by its marker too, not by colour alone."""
OTHER_STYLE = ("s", INK)

PRINT_DPI = 300
WIDTH_IN = 7.2
"""Of a page's two columns."""
COLUMN_IN = 3.5
"""Of one of them."""
_LONGEST_NAME = 24
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One figure's bytes; the same values give the same bytes."""

    png: bytes
    svg: bytes

    def write(self, stem: Path) -> None:
        """Write `stem`.png and `stem`.svg, each whole."""
        atomic_write(stem.with_name(f"{stem.name}.png"), self.png)
        atomic_write(stem.with_name(f"{stem.name}.svg"), self.svg)


def new_figure(height_in: float, width_in: float = WIDTH_IN, dpi: int = PRINT_DPI) -> Figure:
    """An empty figure that lays itself out."""
    return Figure(figsize=(width_in, height_in), dpi=dpi, layout="constrained")


def render(figure: Figure) -> Plot:
    """The finished figure as PNG and SVG."""
    png, svg = io.BytesIO(), io.BytesIO()
    # without a salt the identifiers of an SVG are random
    with _silent_on_glyphs(), matplotlib.rc_context({"svg.hashsalt": "busicli"}):
        FigureCanvasAgg(figure).print_png(png)
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return Plot(png=png.getvalue(), svg=svg.getvalue())


def plain_axis(axis: Axes, title: str, across: str, up: str) -> None:
    """Titles and a light grid, in letters that are read at a column's width."""
    axis.set_title(title, fontsize=9)
    axis.set_xlabel(across, fontsize=8)
    axis.set_ylabel(up, fontsize=8)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.3, linewidth=0.5)
    axis.spines[["top", "right"]].set_visible(False)


def log_axis(axis: Axes, low: float, high: float) -> None:
    """A logarithmic axis across, with at most six plain numbers that do not touch.

    Nothing is done where no value lies between `low` and `high`, in the axis's unit.
    """
    if not 0 < low <= high:
        return
    left, right = low / 1.15, high * 1.15
    axis.set_xscale("log")
    axis.set_xlim(left, right)
    steps = [10.0**power * step for power in range(-4, 5) for step in (1, 2, 5)]
    inside = [step for step in steps if left <= step <= right]
    if len(inside) > _MOST_TICKS:
        inside = [step for step in inside if f"{step:e}".startswith("1")]
    ticks = inside or [low]
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.xaxis.set_minor_locator(NullLocator())


def legend_below(axis: Axes) -> None:
    """A legend in one line below the axis, where it hides no scan."""
    _plain_legend(axis, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=4)


def legend_above(axis: Axes) -> None:
    """A legend in one line above the axis."""
    _plain_legend(axis, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)


def _plain_legend(axis: Axes, **where: Any) -> None:
    """Names of classes may hold dollars, which are no formula of matplotlib's."""
    for text in axis.legend(fontsize=7, frameon=False, **where).get_texts():
        text.set_parse_math(False)


def short(name: str) -> str:
    """A name that fits beside an axis."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


@contextmanager
def _silent_on_glyphs() -> Iterator[None]:
    """A name in letters that the font lacks is drawn as boxes, which needs no warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield
