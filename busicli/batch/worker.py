"""Scans from file to mask: what each worker of a run does, on this machine or another."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from busicli.batch.dicom_outputs import DicomSteps
from busicli.batch.inputs import Work
from busicli.batch.process_scan import Changed, Opened, Steps, finish_scan, open_scan
from busicli.batch.request import Row, SegmentRequest
from busicli.inference.choose import EngineRequest, choose_engine
from busicli.inference.engines import Engine
from busicli.io.dicom.results import Maker
from busicli.io.files import sha256_file
from busicli.io.output_paths import Layout
from busicli.models.weights import CARD, Card, locate, read_card
from busicli.versions import versions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanWorker:
    """An engine with its weights, and all that decides what becomes of a scan."""

    engine: Engine
    steps: Steps
    settings: dict[str, Any]
    """As `run.json` holds them."""
    note: str
    """Why the engine is not the first choice; empty where it is."""

    def rows(
        self,
        works: Sequence[Work],
        earlier: Sequence[Row | None],
        changed: Changed = lambda _: None,
    ) -> list[Row]:
        """A few scans from file to mask, and their rows in order.

        `earlier` are the rows that an earlier run left of them; `changed` as in `open_scan`.
        """
        pairs = zip(works, earlier, strict=True)
        begun = [open_scan(work, self.steps, row, changed) for work, row in pairs]
        opened = [item for item in begun if isinstance(item, Opened)]
        if not opened:
            return [item for item in begun if not isinstance(item, Opened)]
        started = time.monotonic()
        maps = self.engine.predict(np.concatenate([item.inputs for item in opened])).maps
        seconds = (time.monotonic() - started) / len(opened)
        ends = np.cumsum([len(item.frames) for item in opened])
        own = iter(np.split(maps, ends[:-1]))
        return [
            finish_scan(item, next(own), self.steps, seconds) if isinstance(item, Opened) else item
            for item in begun
        ]


def scan_worker(request: SegmentRequest) -> ScanWorker:
    """Load what the request names; BusicliError where weights or engine are refused."""
    folder, pinned = locate(request.weights)
    card = read_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    wanted = EngineRequest(
        name=request.engine,
        precision=request.precision,
        streams=request.jobs,
        mirror=request.mirror,
    )
    engine, note = choose_engine(wanted, folder, card, request.plugins)
    card_sha256 = sha256_file(folder / CARD)
    steps = Steps(
        layout=Layout(request.out),
        preprocess=card.preprocess,
        chosen=card.chosen,
        max_pixels=request.max_pixels,
        timeout_s=request.timeout_s,
        overlays=request.overlays,
        probabilities=request.probabilities,
        thumbnails=request.report,
        spacing=request.spacing,
        dicom=_dicom_steps(request, card, card_sha256, engine),
    )
    settings = _settings(request, card, card_sha256, engine)
    _log.info("Weights %s, engine %s in %s.", card.name, engine.name, engine.precision)
    return ScanWorker(engine=engine, steps=steps, settings=settings, note=note)


def _dicom_steps(
    request: SegmentRequest, card: Card, card_sha256: str, engine: Engine
) -> DicomSteps:
    maker = Maker(
        weights=card.name,
        weights_sha256=card_sha256,
        version=versions()["busicli"],
        deidentified=request.deidentify,
        variant=f"{engine.name} in {engine.precision}",
    )
    return DicomSteps(kinds=request.dicom, maker=maker, keep_identifiers=request.keep_identifiers)


def _settings(
    request: SegmentRequest, card: Card, card_sha256: str, engine: Engine
) -> dict[str, Any]:
    """All that decides a scan's result, for `run.json` and, hashed, for going on."""
    return {
        "weights": {"name": card.name, "card_sha256": card_sha256, "files": card.files},
        "preprocess": asdict(card.preprocess),
        **asdict(replace(card.chosen, mirror=card.asked_mirror(request.mirror))),
        "engine": {"name": engine.name, "precision": engine.precision},
        "overlays": request.overlays,
        "probabilities": request.probabilities,
        "report": request.report,
        "names": request.names,
        "max_pixels": request.max_pixels,
        "pixel_spacing": asdict(request.spacing) if request.spacing else None,
        "dicom": list(request.dicom),
        "deidentify": request.deidentify,
        "keep_identifiers": request.keep_identifiers,
        "versions": versions(),
    }
