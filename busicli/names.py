"""How file names are written into texts that people and programs read."""

import os
from pathlib import PurePath


def written_name(path: str | PurePath) -> str:
    r"""A path, or text that holds one: control characters and bytes not UTF-8 become %XX.

    >>> written_name(os.fsdecode(b"caf\xe9.png"))
    'caf%E9.png'
    """
    text = os.fsencode(path).decode("utf-8", errors="surrogateescape")
    return "".join(
        c if c.isprintable() else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogateescape"))
        for c in text
    )
