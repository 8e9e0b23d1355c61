"""What all settings share: they can be read back from JSON, and changed by name."""

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Self

from busicli.errors import InputError
from busicli.settings.values import from_plain


class Record:
    """What settings share: being read back from the plain values they were written as."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from plain values; unknown names raise InputError, missing ones take defaults."""
        values = cls._unsaid() | dict(values)
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        if unknown := sorted(set(values) - known):
            raise InputError(
                f"{cls.__name__} does not know {', '.join(unknown)}; "
                "the file was written by another version of busicli: use that one, or make it "
                "again."
            )
        return from_plain(cls, values)

    def changed(self, values: Mapping[str, Any]) -> Self:
        """A copy with some values replaced; `part.name` names one of a record within.

        Unknown names and values of the wrong kind raise InputError.
        """
        document = asdict(self)  # type: ignore[call-overload]  # every subclass is a dataclass
        for name, value in values.items():
            *path, last = name.split(".")
            node = document
            for step in path:
                node = node.get(step)
                if not isinstance(node, dict):
                    raise InputError(f"there is no setting {name}; see {type(self).__name__}.")
            if last not in node:
                raise InputError(
                    f"there is no setting {name}; there are {', '.join(sorted(node))}."
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{name} is {value}; it must be finite.")
            if type(value) is not type(node[last]) and not _both_numbers(value, node[last]):
                raise InputError(f"{name} is {value}; it must be like {node[last]}.")
            node[last] = value
        return self.from_dict(document)

    @classmethod
    def _unsaid(cls) -> dict[str, Any]:
        """What older records mean by the fields that they lack, where it is not the default."""
        return {}


def _both_numbers(value: object, before: object) -> bool:
    """An int may stand where a float did."""
    return isinstance(before, float) and isinstance(value, int) and not isinstance(value, bool)


def check(holds: bool, name: str, value: object, needed: str) -> None:
    """Raise InputError, which names a value and what it must be, unless `holds`."""
    if not holds:
        raise InputError(f"{name} is {value}; it must be {needed}.")
