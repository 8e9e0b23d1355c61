"""Scans from file to mask: what each worker of a run does, on this machine or another."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from busicli.batch.dicom_outputs import DicomSettings
from busicli.batch.inputs import InputFile
from busicli.batch.process_scan import Changed, LoadedScan, ScanSettings, load_scan, write_outputs
from busicli.batch.request import Row, SegmentRequest
from busicli.inference.choose import EngineRequest, choose_engine
from busicli.inference.engines import Engine
from busicli.inference.segmenter import Segmenter, SegmentSettings
from busicli.inference.views import default_mode
from busicli.io.dicom.results import Maker
from busicli.io.files import sha256_file
from busicli.io.output_paths import OutputPaths
from busicli.models.weights import CARD, Card, read_card, resolve_weights
from busicli.settings import TunedSettings
from busicli.versions import versions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanWorker:
    """An engine with its weights, and all that decides what becomes of a scan."""

    scan_settings: ScanSettings
    settings: dict[str, Any]
    """As `run.json` holds them."""
    note: str
    """Why the engine is not the first choice; empty where it is."""

    @property
    def engine(self) -> Engine:
        """What runs the network."""
        return self.scan_settings.segmenter.engine

    def rows(
        self,
        entries: Sequence[InputFile],
        earlier: Sequence[Row | None],
        on_change: Changed = lambda _: None,
    ) -> list[Row]:
        """A few scans from file to mask, and their rows in order.

        `earlier` are the rows that an earlier run left of them; `on_change` as in `load_scan`.
        """
        pairs = zip(entries, earlier, strict=True)
        loaded = [load_scan(entry, self.scan_settings, row, on_change) for entry, row in pairs]
        scans = [item for item in loaded if isinstance(item, LoadedScan)]
        if not scans:
            return [item for item in loaded if not isinstance(item, LoadedScan)]
        started = time.monotonic()
        predicted = self.engine.predict(np.concatenate([item.inputs for item in scans]))
        seconds = (time.monotonic() - started) / len(scans)
        ends = np.cumsum([len(item.inputs) for item in scans])
        pairs_ = zip(ends, scans, strict=True)
        own = iter([predicted[end - len(item.inputs) : end] for end, item in pairs_])
        return [
            write_outputs(item, next(own), self.scan_settings, seconds)
            if isinstance(item, LoadedScan)
            else item
            for item in loaded
        ]


def scan_worker(request: SegmentRequest) -> ScanWorker:
    """Load what the request names; BusicliError where weights or engine are refused."""
    folder, pinned = resolve_weights(request.weights)
    card = read_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    wanted = EngineRequest(
        name=request.engine,
        precision=request.precision,
        streams=request.jobs,
        tta=request.tta,
    )
    engine, note = choose_engine(wanted, folder, card, request.plugins)
    card_sha256 = sha256_file(folder / CARD)
    scan_settings = ScanSettings(
        paths=OutputPaths(request.out),
        segmenter=Segmenter(engine, SegmentSettings.of_card(card, request.views)),
        max_pixels=request.max_pixels,
        timeout_s=request.timeout_s,
        overlays=request.overlays,
        probabilities=request.probabilities,
        thumbnails=request.report,
        spacing=request.spacing,
        dicom=_dicom_settings(request, card, card_sha256, engine),
    )
    settings = _settings(request, card, card_sha256, engine)
    _log.info("Weights %s, engine %s in %s.", card.name, engine.name, engine.precision)
    return ScanWorker(scan_settings=scan_settings, settings=settings, note=note)


def _dicom_settings(
    request: SegmentRequest, card: Card, card_sha256: str, engine: Engine
) -> DicomSettings:
    maker = Maker(
        weights=card.name,
        weights_sha256=card_sha256,
        version=versions()["busicli"],
        deidentified=request.deidentify,
        variant=f"{engine.name} in {engine.precision}",
    )
    return DicomSettings(
        kinds=request.dicom, maker=maker, keep_identifiers=request.keep_identifiers
    )


def _settings(
    request: SegmentRequest, card: Card, card_sha256: str, engine: Engine
) -> dict[str, Any]:
    """All that decides a scan's result, for `run.json` and, hashed, for resuming."""
    return {
        "weights": {"name": card.name, "card_sha256": card_sha256, "files": card.files},
        "preprocess": asdict(card.preprocess),
        **_tuned(replace(card.tuned, tta=card.requested_tta(request.tta))),
        "engine": {"name": engine.name, "precision": engine.precision},
        "views": request.views or default_mode(card.preprocess),
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


def _tuned(tuned: TunedSettings) -> dict[str, Any]:
    """What decides a scan's result of it: not the scores that an operating point is chosen by."""
    known = asdict(tuned)
    del known["presence_scores"]
    return known
