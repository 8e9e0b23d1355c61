"""Whether the values of a record are of the types that it declares: for what comes from a file."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from busicli.errors import InputError


def check_values(record: object) -> None:
    """Raise InputError, which names the field, where a value is of another type than declared.

    Numbers must be finite, and whole where an int is declared. Records within are checked too.
    """
    kinds = get_type_hints(type(record))
    for each in fields(record):  # type: ignore[arg-type]
        value = getattr(record, each.name)
        if not _fits(value, kinds[each.name]):
            wanted = _name(kinds[each.name])
            raise InputError(f"{each.name} of {type(record).__name__} is no {wanted}.")


def _fits(value: Any, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is tuple or origin is list:
        element = parts[0]
        return isinstance(value, origin) and all(_fits(each, element) for each in value)
    if origin in (dict, Mapping):
        pairs = value.items() if isinstance(value, dict) else ((None, None),)
        return all(_fits(key, parts[0]) and _fits(each, parts[1]) for key, each in pairs)
    if kind is Any:
        return _is_json(value)
    if kind in (int, float):
        return _is_number(value) and (kind is float or isinstance(value, int))
    if is_dataclass(kind) and isinstance(value, kind):  # type: ignore[arg-type]
        check_values(value)
        return True
    return kind in (str, bool, NoneType) and isinstance(value, kind)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _is_json(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(each) for key, each in value.items())
    return value is None or isinstance(value, str | bool) or _is_number(value)


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
