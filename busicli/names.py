"""How file names are written into texts that people and programs read."""

import os
from pathlib import Path, PurePosixPath


def written_name(path: PurePosixPath | Path) -> str:
    r"""A path as UTF-8 text: bytes that are not UTF-8, and control characters, become %XX.

    >>> written_name(PurePosixPath(os.fsdecode(b"caf\xe9.png")))
    'caf%E9.png'
    """
    text = os.fsencode(path).decode("utf-8", errors="surrogateescape")
    return "".join(
        c if c.isprintable() else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogateescape"))
        for c in text
    )
