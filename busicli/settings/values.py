"""Records from the values that JSON holds, and whether these are of the types that they declare."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, partial
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from busicli.errors import InputError

T = TypeVar("T")
_DEEPEST = 50
"""Levels of lists and dicts in a value of any type."""


def from_plain(kind: type[T], values: Mapping[str, Any]) -> T:
    """A record from a JSON object: objects in it become records, lists tuples, as declared.

    Values that are records already stay so. Raises InputError where a record refuses a value, and
    TypeError, ValueError or AttributeError where the object is of another shape.
    """
    readers = _readers(kind)  # type: ignore[arg-type]  # a class is hashable
    own = dict(values)
    for name in readers.keys() & own.keys():
        own[name] = readers[name](own[name])
    return kind(**own)


def to_plain(record: Any) -> dict[str, Any]:
    """The values of a record without records in it, by name, as they are.

    `dataclasses.asdict` copies each number of each tuple in it, which for contours takes long.
    """
    return {each.name: getattr(record, each.name) for each in fields(record)}


@cache
def _readers(kind: type) -> dict[str, Callable[[Any], Any]]:
    """How fields of a record are read; of those that JSON holds as they are, nothing."""
    hints = get_type_hints(kind)
    found = {each.name: _reader(hints[each.name]) for each in fields(kind)}
    return {name: reader for name, reader in found.items() if reader}


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    """How a value of a type is read; None where JSON holds it as it is."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        readers = [reader for part in parts if (reader := _reader(part))]
        return partial(_unless_none, readers[0]) if readers else None
    if origin in (tuple, Sequence):
        element = _reader(parts[0])
        return partial(_elements, element) if element else tuple
    return partial(_record, kind) if is_dataclass(kind) else None


def _unless_none(read: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else read(value)


def _elements(read: Callable[[Any], Any], values: Any) -> tuple[Any, ...]:
    return tuple(map(read, values))


def _record(kind: Any, value: Any) -> Any:
    if isinstance(value, kind):
        return value
    return (getattr(kind, "from_dict", None) or partial(from_plain, kind))(value)


def check_values(record: object) -> None:
    """Raise InputError, which names the field, where a value is of another type than declared.

    Numbers must be finite, and whole where an int is declared. Records within are checked too.
    """
    for name, fits, kind in _checks(type(record)):  # type: ignore[arg-type]  # it is hashable
        if not fits(getattr(record, name)):
            raise InputError(f"{name} of {type(record).__name__} is no {_name(kind)}.")


@cache
def _checks(record: type) -> tuple[tuple[str, Callable[[Any], bool], Any], ...]:
    """Each field of a record with its check and its type."""
    hints = get_type_hints(record)
    return tuple((f.name, _check(hints[f.name]), hints[f.name]) for f in fields(record))


def _check(kind: Any) -> Callable[[Any], bool]:
    """Whether a value is of a type."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        checks = tuple(map(_check, parts))
        return lambda value: any(fits(value) for fits in checks)
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in parts
    if origin in (tuple, list, Sequence):
        number = len(parts) if len(parts) > 1 and parts[1] is not Ellipsis else None
        return partial(_fit_elements, list if origin is list else tuple, number, _check(parts[0]))
    if origin in (dict, Mapping):
        return partial(_fit_pairs, _check(parts[0]), _check(parts[1]))
    if is_dataclass(kind):
        return partial(_fits_record, kind)
    others = {Any: _is_json, float: _is_number, int: _is_whole}
    return others.get(kind) or (lambda value: isinstance(value, kind))


def _fit_elements(kind: Any, number: int | None, fits: Callable[[Any], bool], value: Any) -> bool:
    """Whether a list or tuple holds what is declared, and so many where a number is."""
    if not isinstance(value, kind):
        return False
    return number in (None, len(value)) and all(map(fits, value))


def _fits_record(kind: Any, value: Any) -> bool:
    if not isinstance(value, kind):
        return False
    check_values(value)
    return True


def _fit_pairs(key: Callable[[Any], bool], fits: Callable[[Any], bool], value: Any) -> bool:
    return isinstance(value, dict) and all(map(key, value)) and all(map(fits, value.values()))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and _is_number(value)


def _is_json(value: object, depth: int = 0) -> bool:
    if depth > _DEEPEST:  # copying it would exhaust the stack
        return False
    if isinstance(value, list | tuple):
        return all(_is_json(each, depth + 1) for each in value)
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_json(each, depth + 1) for k, each in value.items())
    return value is None or isinstance(value, str | bool) or _is_number(value)


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
