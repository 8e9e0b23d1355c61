"""Messages that image libraries print by themselves, which name no file and help nobody."""

import ctypes
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

_HANDLERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")


def silence_libraries() -> None:
    """Turn off what Pillow and libtiff print on stderr; it affects the whole process.

    Their errors still raise. Warnings of other packages stay.
    """
    import logging  # slow to load

    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    for path in _libtiffs():
        library = ctypes.CDLL(str(path))  # the one that Pillow loads, or has loaded
        for name in _HANDLERS:
            setter = getattr(library, name)
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
            setter(None)


def _libtiffs() -> Iterator[Path]:
    """The copies of libtiff that come with Pillow's wheels for Linux and macOS."""
    found = find_spec("PIL")
    for folder in found.submodule_search_locations or () if found else ():
        yield from Path(folder).parent.glob("pillow.libs/libtiff-*")
        yield from Path(folder).glob(".dylibs/libtiff*")
