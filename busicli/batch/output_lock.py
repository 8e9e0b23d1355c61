"""The lock on OUT: whether a run may write there, and that no other run does."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from busicli.batch.outputs import foreign_result
from busicli.batch.request import SegmentRequest
from busicli.batch.shards import check_shards, count_shards, join_shards, remove_shard, shard_folder
from busicli.errors import BusicliError, InputError
from busicli.io.checksums import add_checksum, verified_json
from busicli.io.files import read_regular, write_json
from busicli.io.locks import folder_lock
from busicli.io.output_paths import own_folder

RECORD = "run.json"
_STARTED = "started.json"
"""In our own folder: whether a run that has not ended writes file names and patients."""


@contextmanager
def acquire_output(request: SegmentRequest) -> Iterator[None]:
    """Hold OUT, or this part's share of it, for this run alone.

    What stands in OUT afterwards is known as ours, so that the next run may write there.
    """
    own = own_folder(request.out)
    check_output(request)
    if request.shard is not None:
        join_shards(own, request.shard)
    folder = own if request.shard is None else shard_folder(own, request.shard.number)
    with folder_lock(folder):
        if request.shard is not None:
            remove_shard(folder)  # its earlier results no longer hold
        write_json(own / _STARTED, add_checksum(_started(request)))
        try:
            yield
        finally:
            if request.out.is_dir():  # someone may have removed all of it meanwhile
                own.mkdir(exist_ok=True)


def _started(request: SegmentRequest) -> dict[str, object]:
    """What is known of a run before it ends; names are in it only where results hold them too."""
    folder = isinstance(request.scans, Path) and request.names == "keep"
    scans = os.fspath(Path(request.scans).resolve()) if folder else None  # type: ignore[arg-type]
    return {
        "id": run_id(request.out),
        "names": request.names,
        "deidentify": request.deidentify,
        "scans": scans,
    }


def run_id(out: Path) -> str:
    """The identifier of the results that stand in OUT, else a new one: reviews of them name it."""
    records = map(_record, (out / RECORD, own_folder(out) / _STARTED))
    return next((str(r["id"]) for r in records if r and r.get("id")), secrets.token_hex(8))


def known_scans(out: Path) -> Path | None:
    """The folder that the newest run into OUT read; None where that is not known."""
    scans = (_record(own_folder(out) / _STARTED) or {}).get("scans")
    return Path(scans) if scans and isinstance(scans, str) else None


def check_output(request: SegmentRequest) -> None:
    """Raise BusicliError where a run may not write into OUT; nothing is changed.

    A whole run must not mix with a run in parts. Files that another program or a person made under
    the names of our results are not overwritten. A run without names or patients does not go into a
    folder that holds some already.
    """
    out = request.out
    if out.exists() and not out.is_dir():
        raise BusicliError(f"{out} is a file; name a folder for the results.")
    if foreign := foreign_result(out):
        raise BusicliError(f"{out} holds {foreign} that busicli did not make; name another folder.")
    if request.shard is not None:
        check_shards(own_folder(out), request.shard)
    elif count_shards(own_folder(out)) is not None:
        raise BusicliError(f"{out} holds a run in parts; take --part or another folder.")
    if request.names == "hash" or request.deidentify:
        _check_names(request)


def _check_names(request: SegmentRequest) -> None:
    """Raise BusicliError where OUT holds names or patients, or where nobody can tell."""
    out = request.out
    paths = [path for path in (out / RECORD, own_folder(out) / _STARTED) if path.is_file()]
    records = [*filter(None, map(_record, paths))]
    option = ""
    if request.names == "hash" and any(record.get("names") == "keep" for record in records):
        option = "--names hash"
    elif request.deidentify and not all(record.get("deidentify") for record in records):
        option = "--deidentify"
    if option:
        raise BusicliError(
            f"{out} holds results that were made without {option}; name another folder."
        )
    if paths and not records:
        raise BusicliError(
            f"{RECORD} in {out} is damaged, so that nobody can tell whether its results were made "
            "without names and patients; name another folder."
        )


def _record(path: Path) -> dict[str, Any] | None:
    """The values of a record; None where there is none, or it is damaged."""
    try:
        return verified_json(read_regular(path))
    except (FileNotFoundError, InputError):
        return None
