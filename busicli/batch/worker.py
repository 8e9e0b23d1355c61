"""Scans from file to mask: what each worker of a run does, on this machine or another."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from busicli.batch.dicom_outputs import run_maker
from busicli.batch.inputs import InputFile
from busicli.batch.load_scan import (
    Changed,
    KeptScan,
    LargeScan,
    LoadedScan,
    ScanSettings,
    load_scan,
    load_unless_large,
    not_segmented,
)
from busicli.batch.outputs import wanted_outputs
from busicli.batch.request import SegmentRequest
from busicli.batch.write_outputs import draw_outputs, write_outputs
from busicli.imaging.operating_point import limit_false_masks, operating_point
from busicli.inference.choose import EngineRequest, choose_engine, engine_version, is_keras
from busicli.inference.engines import Engine
from busicli.inference.segmenter import Segmenter, SegmentSettings
from busicli.inference.views import default_mode
from busicli.io.decode_process import ANSWER, decoding_limits
from busicli.io.files import sha256_bytes
from busicli.io.images import NO_MEMORY
from busicli.io.run_record import EngineUsed, RunSettings, WeightsUsed
from busicli.io.scan_results import ScanResult
from busicli.models.card import Card
from busicli.models.registry import plugin_hashes
from busicli.models.weights import open_card, resolve_weights
from busicli.parallel.killable import ProcessPool
from busicli.parallel.memory import MemoryBudget, free_bytes, return_freed
from busicli.versions import versions

_log = logging.getLogger(__name__)
_MANY_PIXELS = 4 * 2**20
"""Of some scans, after which what they took is given back: a run's memory must not grow by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanWorker:
    """An engine with its weights, and all that decides what becomes of a scan."""

    scan_settings: ScanSettings
    settings: RunSettings
    """As `run.json` holds them."""
    card_text: bytes = field(repr=False)
    """The weights' card, as it was read."""
    memory: MemoryBudget
    """For large scans."""
    notes: tuple[str, ...] = ()
    """What the user should know: an engine that is not the first choice, what a limit costs."""

    @property
    def engine(self) -> Engine:
        """What runs the network."""
        return self.scan_settings.segmenter.engine

    def close(self) -> None:
        """End the processes that decoded scans."""
        self.scan_settings.decoders.close()

    def results(
        self,
        entries: Sequence[InputFile],
        earlier: Sequence[ScanResult | None],
        on_change: Changed = lambda _: None,
    ) -> list[ScanResult]:
        """A few scans from file to mask, and their results in order.

        `earlier` holds the results of an earlier run; `on_change` as in `load_scan`.
        """
        pairs = zip(entries, earlier, strict=True)
        settings = self.scan_settings
        loaded = [load_unless_large(entry, settings, row, on_change) for entry, row in pairs]
        scans = [item for item in loaded if isinstance(item, LoadedScan)]
        made = iter(self._segmented(scans) if scans else ())
        results = [
            item if isinstance(item, LargeScan) else self._result(item, made) for item in loaded
        ]
        pixels = sum(image.shape[0] * image.shape[1] for scan in scans for image in scan.displayed)
        del loaded, scans  # a large scan needs their room
        if pixels > _MANY_PIXELS:
            return_freed()
        return [
            self._large(entry, row, item) if isinstance(item, LargeScan) else item
            for entry, row, item in zip(entries, earlier, results, strict=True)
        ]

    def _result(
        self, item: LoadedScan | KeptScan | ScanResult, made: Iterator[ScanResult]
    ) -> ScanResult:
        if isinstance(item, LoadedScan):
            return next(made)
        return draw_outputs(item, self.scan_settings) if isinstance(item, KeptScan) else item

    def _large(self, entry: InputFile, earlier: ScanResult | None, scan: LargeScan) -> ScanResult:
        """The result of a scan that waits for memory, and fails where there is never enough."""
        try:
            with self.memory.taking(scan.needed_bytes):
                result = self._alone(entry, earlier)
                return_freed()
                return result
        except MemoryError:
            return not_segmented(entry, "failed", NO_MEMORY)

    def _alone(self, entry: InputFile, earlier: ScanResult | None) -> ScanResult:
        loaded = load_scan(entry, self.scan_settings, earlier)
        made = self._segmented([loaded]) if isinstance(loaded, LoadedScan) else []
        return self._result(loaded, iter(made))

    def _segmented(self, scans: Sequence[LoadedScan]) -> list[ScanResult]:
        """Results of scans whose views go through the network together."""
        started = time.monotonic()
        predicted = self.engine.predict(np.concatenate([scan.inputs for scan in scans]))
        seconds = (time.monotonic() - started) / len(scans)
        results, first = [], 0
        for scan in scans:
            own = predicted[first : first + len(scan.inputs)]
            first += len(scan.inputs)
            results.append(write_outputs(scan, own, self.scan_settings, seconds))
        return results


def scan_worker(request: SegmentRequest) -> ScanWorker:
    """Load what the request names; BusicliError where weights or engine are refused."""
    folder, pinned = resolve_weights(request.weights)
    card, text = open_card(folder, pinned_sha256=request.weights_sha256 or pinned)
    limit = request.max_false_masks
    if limit is not None:
        card = card.with_tuned(limit_false_masks(card.tuned, limit))
    wanted = EngineRequest(
        name=request.engine,
        precision=request.precision,
        streams=request.jobs,
        tta=request.tta,
    )
    engine, note = choose_engine(wanted, folder, card, request.plugins)
    settings = _run_settings(request, card, sha256_bytes(text), engine)
    segmenter = Segmenter(engine, SegmentSettings.of_card(card, request.views))
    _log.info("Weights %s, engine %s in %s.", card.name, engine.name, engine.precision)
    cost = "" if limit is None else _cost_of_limit(card, limit)
    return ScanWorker(
        scan_settings=_scan_settings(request, segmenter, settings),
        settings=settings,
        memory=MemoryBudget(free_bytes()),
        card_text=text,
        notes=tuple(filter(None, (note, cost))),
    )


def _cost_of_limit(card: Card, limit: float) -> str:
    """What keeping to a share of false masks costs, by the scores in the card."""
    point, scores = operating_point(card.tuned), card.presence_scores
    return (
        f"At most {limit:.1%} of normal scans should get a false mask. This threshold misses "
        f"{point.missed:.1%} of scans with a lesion (measured on {len(scores.lesion)} scans, and "
        f"{len(scores.normal)} normal ones, that the networks had not seen)."
    )


def _scan_settings(
    request: SegmentRequest, segmenter: Segmenter, settings: RunSettings
) -> ScanSettings:
    return ScanSettings(
        out=request.out,
        outputs=wanted_outputs(request.outputs),
        segmenter=segmenter,
        max_pixels=request.max_pixels,
        timeout_s=request.timeout_s,
        decoders=ProcessPool(ANSWER, decoding_limits(request.max_pixels, request.timeout_s)),
        spacing=request.spacing,
        maker=run_maker(settings),
        keep_identifiers=request.keep_identifiers,
    )


def _run_settings(
    request: SegmentRequest, card: Card, card_sha256: str, engine: Engine
) -> RunSettings:
    """All that decides a scan's result, for `run.json` and, hashed, for resuming."""
    return RunSettings(
        weights=WeightsUsed(name=card.name, card_sha256=card_sha256, files=card.files),
        preprocess=card.preprocess,
        tuned=replace(card.tuned, tta=card.requested_tta(request.tta)),
        engine=EngineUsed(
            name=engine.name, precision=engine.precision, version=engine_version(engine)
        ),
        plugins=plugin_hashes(card.architecture if is_keras(engine) else None, request.plugins),
        views=request.views or default_mode(card.preprocess),
        max_false_masks=request.max_false_masks,
        outputs=tuple(output.name for output in wanted_outputs(request.outputs)),
        report=request.report,
        names=request.names,
        max_pixels=request.max_pixels,
        pixel_spacing=request.spacing,
        deidentify=request.deidentify,
        keep_identifiers=request.keep_identifiers,
        versions=versions(),
    )
