"""Files that once crashed a reader; `make soak` finds them."""

from contextlib import suppress
from pathlib import Path

import pytest

from busicli.errors import InputError
from busicli.io.masks import find_mask
from busicli.io.scans import decode_file

CRASHES = sorted(Path(__file__).with_name("crashes").glob("*"))
MAX_PIXELS = 4_000_000


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.name)
def test_a_file_that_crashed_a_reader_is_read_or_refused(path):
    for read in (decode_file, find_mask):
        with suppress(InputError):
            read(path.read_bytes(), max_pixels=MAX_PIXELS)
