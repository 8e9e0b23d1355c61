"""OUT: whether a run may write there, and that no other does at the same time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from busicli.batch.request import SegmentRequest
from busicli.batch.shards import check_parts, count_parts, join_parts, part_folder, remove_part
from busicli.errors import BusicliError
from busicli.io.files import folder_lock, write_json
from busicli.io.output_paths import Layout

RECORD = "run.json"
_BEGUN = "begun.json"
"""In our own folder: what a run that has not ended writes of patients and file names."""


@contextmanager
def held(request: SegmentRequest) -> Iterator[None]:
    """OUT, or this part's share of it, for this run alone."""
    own = Layout(request.out).own
    check_out(request)
    if request.part is not None:
        join_parts(own, request.part)
    share = own if request.part is None else part_folder(own, request.part.number)
    with folder_lock(share):
        if request.part is not None:
            remove_part(share)  # what it left when it last ended no longer holds
        write_json(own / _BEGUN, {"names": request.names, "deidentify": request.deidentify})
        yield


def check_out(request: SegmentRequest) -> None:
    """Raise BusicliError where a run may not write into OUT; nothing is changed.

    Not a whole run into a folder that holds one in parts, nor the other way round; none into what
    another program or a person made under the names of our results; none that keeps names out into
    a folder that holds some already.
    """
    out = request.out
    if out.exists() and not out.is_dir():
        raise BusicliError(f"{out} is a file; name a folder for the results.")
    if foreign := Layout(out).foreign():
        raise BusicliError(f"{out} holds {foreign} that busicli did not make; name another folder.")
    if request.part is not None:
        check_parts(Layout(out).own, request.part)
    elif count_parts(Layout(out).own) is not None:
        raise BusicliError(f"{out} holds a run in parts; take --part or another folder.")
    for record in (out / RECORD, Layout(out).own / _BEGUN):
        if record.is_file():
            _check_names(request, record)


def _check_names(request: SegmentRequest, record: Path) -> None:
    before = json.loads(record.read_bytes())
    option = ""
    if request.names == "hash" and before.get("names") == "keep":
        option = "--names hash"
    elif request.deidentify and not before.get("deidentify"):
        option = "--deidentify"
    if option:
        raise BusicliError(
            f"{request.out} holds results that were made without {option}; name another folder."
        )
