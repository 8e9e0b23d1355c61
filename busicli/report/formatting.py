"""Names and values of columns, formatted for people."""

import re

_UNITS = {"px": "px", "mm": "mm", "mm2": "mm²", "deg": "°"}
_LABELS = {
    "bbox": ("Box: top, left, bottom, right", "px"),
    "centroid": ("Centre: row, column", "px"),
    "hd95_px": ("HD95", "px"),
    "iou": ("IoU", ""),
    "review": ("Flagged for review", ""),
}
_DECIMALS = {"px": 1, "mm": 1, "mm²": 1, "°": 0, "": 2}


def label_and_unit(column: str) -> tuple[str, str]:
    """A column's label and unit; the unit is empty where the name ends in none.

    >>> label_and_unit("long_axis_mm"), label_and_unit("mean_probability")
    (('Long axis', 'mm'), ('Mean probability', ''))
    """
    if column in _LABELS:
        return _LABELS[column]
    words, _, last = column.rpartition("_")
    unit = _UNITS.get(last, "") if words else ""
    name = words if unit or (last == "ratio" and words) else column
    return name.replace("_", " ").capitalize(), unit


def cell_text(text: str, unit: str) -> str:
    """A table's cell for people: few decimals, yes and no; several numbers keep their order.

    >>> cell_text("12.3456", "mm"), cell_text("8", "mm"), cell_text("1 2 30", "px")
    ('12.3', '8.0', '1 2 30')
    >>> cell_text("false", ""), cell_text("left", "")
    ('no', 'left')
    """
    always = unit.startswith("mm")
    words = {"true": "yes", "false": "no"}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return " ".join(_number(part, _DECIMALS[unit], always=always) for part in text.split())
    except ValueError:
        return text


def value_text(value: str | float | bool | None) -> str:
    """A plain value of a JSON document; empty for null.

    >>> value_text(True), value_text(0.123456789), value_text("as it is"), value_text(None)
    ('yes', '0.123457', 'as it is', '')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def period_text(start: str, end: str) -> str:
    """From one UTC time in ISO 8601 to another, to the minute; other text as it is.

    >>> period_text("2026-11-24T22:25:19+00:00", "2026-11-24T23:01:00+00:00")
    '2026-11-24 22:25 to 23:01 UTC'
    >>> period_text("2026-11-24T22:25:19+00:00", "2026-11-24T22:25:40+00:00")
    '2026-11-24 22:25 UTC'
    """
    if not all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*\+00:00$", text) for text in (start, end)):
        return " to ".join(filter(None, (start, end)))
    (day, time), (last_day, last_time) = ((text[:10], text[11:16]) for text in (start, end))
    if day != last_day:
        return f"{day} {time} to {last_day} {last_time} UTC"
    return f"{day} {time} UTC" if time == last_time else f"{day} {time} to {last_time} UTC"


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "lesion"), counted(1200, "scan"), counted(0, "lesion")
    ('1 lesion', '1,200 scans', 'no lesion')
    """
    if not count:
        return f"no {noun}"
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _number(text: str, decimals: int, *, always: bool) -> str:
    whole = text.lstrip("-").isdigit()
    return text if whole and not always else f"{float(text):.{decimals}f}"
