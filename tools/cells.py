"""Tables in Markdown and the figures in their cells."""

from collections.abc import Mapping, Sequence
from typing import Any

Values = Mapping[str, Any]


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown, without a line end."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def figure(value: float | None, form: str = ".3f") -> str:
    """A number; empty for None."""
    return "" if value is None else format(value, form)


def percent(value: float | None) -> str:
    """A share in percent; empty for None."""
    return "" if value is None else f"{value:.1%}"


def interval(found: Values) -> str:
    """The bounds of an interval; empty without."""
    return "" if found["low"] is None else f"{found['low']:.3f} to {found['high']:.3f}"


def with_interval(found: Values) -> str:
    """A mean and its bounds, where there are any."""
    between = interval(found)
    return f"{figure(found['mean'])} ({between})" if between else figure(found["mean"])


def share(found: Values) -> tuple[str, str]:
    """A mean share and its bounds, in percent."""
    if found["low"] is None:
        return percent(found["mean"]), ""
    return percent(found["mean"]), f"{found['low']:.1%} to {found['high']:.1%}"
