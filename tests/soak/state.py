"""Runs whose stored state and results are damaged at random, and what they must still come to."""

import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import dcmread

from busicli.batch.inputs import InputFile
from busicli.batch.merge import merge
from busicli.batch.request import Callbacks, SegmentRequest
from busicli.batch.run import list_inputs, segment_inputs
from busicli.batch.shards import Shard
from busicli.batch.worker import ScanWorker, scan_worker
from busicli.errors import BusicliError, InputError
from busicli.io.checksums import add_checksum, checksum_line, verified_json, verify_line
from busicli.models.card import card_text
from busicli.models.weights import CARD, locate_shipped, read_card
from busicli.report.write import write_report
from busicli.review.run import ReviewRequest, review
from busicli.settings import PresenceScores
from tests.dicom_maker import region, ultrasound

STATE = ("run.json", ".busicli/journal.jsonl", ".busicli/started.json")
PARTS = 2
FEW = ("masks", "thumbnails")
ALL = ("masks", "overlays", "probabilities", "thumbnails", "images", "seg", "sr", "sc")
_TIMES = re.compile(
    r"\d{4}-\d\d-\d\d[T ][0-9:+]+( to [0-9:]+)?"
    r"|\"(milliseconds|checksum|new)\": ?[^,}\n]+|,?\"new\""
    r"|(TM|DT): '.*'|\(0020,9164\).*"  # of DICOM objects
)
_STRANGE = (None, True, -1, 10**400, 1e999, "", "../x", [], [[]], {}, {"": None}, {"a": [{}]})
_QUIET = Callbacks(
    on_note=lambda _: None,
    on_start=lambda _: None,
    on_result=lambda _: None,
    stop_status=lambda: 0,
)


@dataclass(frozen=True)
class Ward:
    """A few scans of all kinds, and weights that are loaded once for all runs."""

    request: SegmentRequest
    worker: ScanWorker
    entries: list[InputFile]

    def run(self, out: Path, part: int = 0) -> None:
        """Segment all scans, or one of PARTS parts; only the first run into OUT takes long."""
        shard = Shard(number=part, of=PARTS) if part else None
        settings = replace(self.worker.scan_settings, out=out)
        worker = replace(self.worker, scan_settings=settings)
        request = replace(self.request, out=out, shard=shard)
        segment_inputs(request, worker, self.entries, _QUIET)

    def run_parts(self, out: Path) -> None:
        for part in range(1, PARTS + 1):
            self.run(out, part)


def make_ward(folder: Path, phantoms: list[Path], outputs: tuple[str, ...]) -> Ward:
    """An image, a DICOM object, a sweep of two frames, a broken file and one that is no scan."""
    scans = folder / "scans"
    (scans / "sub").mkdir(parents=True)
    one, two, three = (Image.open(path).convert("L").resize((96, 80)) for path in phantoms[:3])
    one.save(scans / "a.png")
    grey = np.asarray(two)
    tissue = region((0, 0, 79, 95), 0.01, 0.01)
    (scans / "sub" / "b.dcm").write_bytes(ultrasound(grey, regions=[tissue]))
    three.save(scans / "sub" / "c.tif", save_all=True, append_images=[one.copy()])
    (scans / "broken.png").write_bytes(b"no image")
    (scans / "notes.txt").write_text("no scan")
    request = SegmentRequest(scans=scans, out=folder / "whole", outputs=outputs, jobs=1)
    ward = Ward(request, scan_worker(request), list_inputs(request))
    ward.run(folder / "whole")
    return ward


def results(out: Path) -> dict[str, bytes | str]:
    """Every file that a run leaves for its user, without the times that differ between runs."""
    paths = (path for path in sorted(out.rglob("*")) if path.is_file())
    names = {path.relative_to(out).as_posix(): path for path in paths}
    return {name: _timeless(path) for name, path in names.items() if name[0] != "."}


def _timeless(path: Path) -> bytes | str:
    if path.suffix == ".dcm":
        return _TIMES.sub("", str(dcmread(path)))
    timed = path.name in ("manifest.jsonl", "run.json", "report.html")
    return _TIMES.sub("", path.read_text()) if timed else path.read_bytes()


def with_bit_changed(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    bit = chance.randrange(8 * len(data))
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def cases(
    files: dict[Path, bytes], change: Callable[[bytes], bytes], chance: random.Random, count: int
) -> Iterator[Path]:
    """Before each of so many cases one file is changed; after it all are as they were."""
    for _ in range(count):
        path = chance.choice([*files])
        path.write_bytes(change(files[path]))
        yield path
        for restored, data in files.items():
            restored.write_bytes(data)


def check_state(ward: Ward, out: Path, count: int) -> None:
    """One bit of a run's state changes: the page is refused or the same, the rerun is the same."""
    chance = random.Random(0)
    for _ in range(2):  # nothing is new the second time
        ward.run(out)
    expected = results(out)
    page = write_report(out).read_bytes()
    manifest = (out / "manifest.jsonl").read_bytes()
    files = {out / name: (out / name).read_bytes() for name in STATE}
    for path in cases(files, lambda data: with_bit_changed(data, chance), chance, count):
        if path.name == "run.json":
            (out / "manifest.jsonl").write_bytes(manifest)  # in that of the last case scans are new
            assert _page(out) in (None, page), path
        ward.run(out)
        assert results(out) == expected, path


def _page(out: Path) -> bytes | None:
    try:
        return write_report(out).read_bytes()
    except BusicliError:
        return None


def check_parts(ward: Ward, out: Path, count: int) -> None:
    """One bit of what parts leave changes: the merge is refused or the same, and so is a rerun."""
    chance = random.Random(0)
    ward.run_parts(out)
    merge(out)
    expected = results(out)
    found = (p for p in (out / ".busicli").rglob("*.json*") if p.name != "card.json")
    files = {path: path.read_bytes() for path in sorted(found)}
    assert len(files) == 2 + 3 * PARTS
    for path in cases(files, lambda data: with_bit_changed(data, chance), chance, count):
        try:
            merge(out)
        except BusicliError:
            ward.run_parts(out)
            merge(out)
        assert results(out) == expected, path


def check_forged(ward: Ward, out: Path, count: int) -> None:
    """A value of a run's state is another and its checksum fits: a result or a sentence, no crash.

    Whoever may write into OUT can do so; whoever is given such an OUT must not be harmed.
    """
    chance = random.Random(0)
    ward.run(out)
    ward.run_parts(parts := out.with_name("parts"))
    merge(parts)
    state = [out / name for name in (*STATE, "manifest.jsonl")]
    state += [p for p in sorted((parts / ".busicli").rglob("*.json*")) if p.name != CARD]
    files = {path: path.read_bytes() for path in state}
    commands = {
        out: (write_report, lambda _: review(ReviewRequest(out=out, files=()), _all), ward.run),
        parts: (merge, lambda _: ward.run(parts, 1), merge),
    }
    for path in cases(files, lambda data: forged(data, chance), chance, count):
        folder = out if path.is_relative_to(out) else parts
        for command in commands[folder]:
            with suppress(BusicliError):
                command(folder)


def forged(data: bytes, chance: random.Random) -> bytes:
    """Another value somewhere in a JSON document or in one line of a log, with its checksum."""
    with suppress(InputError):
        return json.dumps(add_checksum(_changed(verified_json(data), chance))).encode()
    lines = data.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    sealed = verify_line(lines[at])
    position, tab, row = (sealed or lines[at]).rpartition(b"\t")
    text = (position + tab).decode() + json.dumps(_changed(json.loads(row), chance))
    lines[at] = checksum_line(text) if sealed else f"{text}\n".encode()
    return b"".join(lines)


def _changed(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    places = list(_places(document))
    node, name = chance.choice(places)
    if chance.random() < 0.2:
        del node[name]
    else:
        node[name] = chance.choice((*_STRANGE, "/x", 2.5, "x" * 10_000))
    return document


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Where values stand in a document: a dict or list, and the key or index in it."""
    known = node.items() if isinstance(node, dict) else enumerate(node)
    for name, value in known:
        yield node, name
        if isinstance(value, dict | list):
            yield from _places(value)


def _all(items: Iterator[Any], _: int) -> Iterator[Any]:
    return items


def damaged(data: bytes, chance: random.Random) -> bytes | None:
    """The file cut short, emptied, replaced, longer or with a bit changed; None: it is gone."""
    kind = chance.randrange(6)
    if kind == 0 and data:
        return with_bit_changed(data, chance)
    others = (
        data[: chance.randrange(len(data) or 1)],
        b"",
        chance.randbytes(len(data)),
        data + b"x",
    )
    return [None, *others][kind - 1]


def check_results(ward: Ward, out: Path, count: int) -> None:
    """Any file under OUT is damaged or lost: the next run finds it and makes it again."""
    chance = random.Random(0)
    ward.run(out)
    expected = results(out)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    for _ in range(count):
        path = chance.choice(files)
        data = damaged(path.read_bytes() if path.is_file() else b"", chance)
        if data is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(data)
        ward.run(out)
        assert results(out) == expected, path


def check_card(folder: Path, count: int) -> None:
    """A card changes at random: it is refused, or says the same; with a new checksum no crash."""
    chance = random.Random(0)
    source, pinned = locate_shipped("improved-unet")
    card = read_card(source, pinned_sha256=pinned)
    few = {"training_scans": card.training_scans[:20], "scores": {"val": {"dice": 0.5}}}
    card = replace(card, presence_scores=PresenceScores(normal=(0.5,)), **few)
    text = card_text(card)
    values = verified_json(text)
    for _ in range(count):
        (folder / CARD).write_bytes(damaged(text, chance) or b"")
        with suppress(InputError):
            assert read_card(folder) == card
        name = chance.choice([*values])
        changed = {**values, name: chance.choice(_STRANGE)}
        (folder / CARD).write_text(json.dumps(add_checksum(changed)))
        with suppress(InputError):
            read_card(folder)
