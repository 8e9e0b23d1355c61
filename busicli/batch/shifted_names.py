"""Scans that OUT holds under other names: a list read in another folder, or another SCANS."""

from collections import defaultdict
from collections.abc import Collection, Iterable


def shifted_names(made: Collection[str], scans: Iterable[str]) -> dict[str, str]:
    """Names of scans that earlier runs did not have, with the name that one of theirs may be.

    Two names may be of one scan where the folders of one end in the other's.

    >>> shifted_names({"b/1.png", "c/2.png"}, ["a/b/1.png", "2.png", "3.png", "b/2.png"])
    {'a/b/1.png': 'b/1.png', '2.png': 'c/2.png'}
    """
    asked = tuple(scans)
    gone: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(made).difference(asked)):
        gone[name.rpartition("/")[2]].append(name)
    found = {}
    for name in asked:
        others = [] if name in made else gone[name.rpartition("/")[2]]
        same = (o for o in others if o.endswith(f"/{name}") or name.endswith(f"/{o}"))
        if match := next(same, ""):
            found[name] = match
    return found
