"""Records from the values that JSON holds, and whether these are of the types that they declare."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from busicli.errors import InputError

T = TypeVar("T")


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
