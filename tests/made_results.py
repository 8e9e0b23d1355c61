"""Folders as segment-dir and eval leave them, made without a network for tests of the page."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from busicli.batch.tables import write_tables
from busicli.io.escaping import percent_escape
from busicli.io.images import encode_mask
from busicli.io.run_record import EngineUsed, RunCounts, RunRecord, RunSettings, WeightsUsed
from busicli.io.scan_results import FrameMask, ScanResult
from busicli.report.thumbnail import encode_thumbnail
from busicli.settings import ConfidenceSettings, PreprocessSettings, TunedSettings
from busicli.types import Lesion, LesionMm

TRUST = ConfidenceSettings(weights=(0.0,), bias=0.0, review_below=0.6)
WEIGHTS = WeightsUsed(name="tiny", card_sha256="0" * 64, files={})


def square(shape=(60, 80), top=20, left=30, side=16):
    """A lesion that is a square."""
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def lesion(number=1, frame=1, millimetres=None, **measures):
    """A lesion of 16 x 16 px unless stated otherwise, in no millimetres."""
    usual = {
        "lesion": number,
        "area_px": 256,
        "bbox": (20, 30, 36, 46),
        "centroid": (27.5, 37.5),
        "long_axis_px": 18.5,
        "short_axis_px": 18.5,
        "orientation_deg": 0.0,
        "circularity": 0.87,
        "solidity": 1.0,
        "mean_probability": 0.9,
        "touches_border": False,
    }
    return Lesion(**{**usual, **measures}, frame=frame, millimetres=millimetres)


def in_mm(long_axis_mm, short_axis_mm):
    """A lesion's millimetres, of which two are of interest."""
    return LesionMm(
        long_axis_mm=long_axis_mm,
        short_axis_mm=short_axis_mm,
        area_mm2=1.0,
        width_mm=1.0,
        height_mm=1.0,
        wider_than_tall_ratio=1.0,
        depth_mm=None,
    )


def done(scan, lesions=(), confidence=0.9, frames=1, **others):
    """The result of a scan that came out; one of low confidence is for review."""
    written = percent_escape(scan)
    masks = [f"{written}/{n:04d}.png" for n in range(1, frames + 1)] if frames > 1 else [written]
    low = confidence is not None and confidence < TRUST.review_below
    values = {
        "scan": written,
        "status": "ok",
        "lesions": tuple(lesions),
        "confidence": confidence,
        "why_review": ("low confidence",) if low else (),
        "sha256": "0" * 64,
        "masks": tuple(
            FrameMask(frame=number, path=f"masks/{path}", sha256="0" * 64)
            for number, path in enumerate(masks, start=1)
        ),
        "milliseconds": 12.3,
    }
    return ScanResult(**{**values, **others})


def not_done(scan, status="failed", reason="is damaged or cut short"):
    """The result of a scan that failed or was skipped."""
    return ScanResult(scan=percent_escape(scan), status=status, reason=reason)


def run_record(inputs=0, pending=0, confidence=TRUST, weights=WEIGHTS, run="", **others):
    """A run's record; others are settings."""
    settings = {
        "weights": weights,
        "preprocess": PreprocessSettings(),
        "tuned": TunedSettings(confidence=confidence),
        "engine": EngineUsed(name="openvino", precision="float32", version="1"),
        "plugins": {},
        "views": "auto",
        "outputs": ("masks", "overlays", "thumbnails"),
        "report": True,
        "names": "keep",
        "max_pixels": 1,
        "max_false_masks": None,
        "pixel_spacing": None,
        "deidentify": False,
        "keep_identifiers": False,
        "versions": {},
    }
    return RunRecord(
        id=run,
        settings=RunSettings(**{**settings, **others}),
        counts=RunCounts(ok=0, failed=0, skipped=0, inputs=inputs, pending=pending),
        start="2026-11-24T02:59:00+00:00",
        end="2026-11-24T03:04:00+00:00",
        exit_status=0,
    )


def write_run(out: Path, results: Iterable[ScanResult], **record) -> Path:
    """The tables and `run.json` of a run."""
    results = list(results)
    write_tables(out, results)
    document = run_record(**{"inputs": len(results), **record}).to_json()
    (out / "run.json").write_text(json.dumps(document))
    return out


def write_images(out: Path, below: str | bytes, mask=None) -> None:
    """Mask, overlay (as good as one) and thumbnail of one frame, at a path as it is on disk."""
    mask = square() if mask is None else mask
    scan = np.random.default_rng(len(below)).integers(0, 200, (*mask.shape, 1), np.uint8)
    scan = np.repeat(scan, 3, axis=2)
    name = os.fsdecode(below)
    for path, data in (
        (out / "masks" / name, encode_mask(mask)),
        (out / "overlays" / name, encode_mask(mask)),
        (out / "thumbnails" / f"{name}.jpg", encode_thumbnail(scan, mask)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_scores(out: Path, rows: Sequence[dict[str, object]], **metrics) -> Path:
    """The tables of an evaluation; each row names what differs from a good scan."""
    usual = {
        "dataset": "BUSI",
        "class": "benign",
        "dice": 0.9,
        "lesions": 1,
        "missed_lesions": 0,
        "reference_area_px": 100,
        "predicted_area_px": 100,
        "review": False,
        "seen": "",
    }
    out.mkdir(parents=True, exist_ok=True)
    names = ["case", *usual]
    lines = [",".join(names)]
    lines += [",".join(str({**usual, **row}[name]) for name in names) for row in rows]
    (out / "per_image.csv").write_text("\n".join(lines) + "\n")
    (out / "metrics.json").write_text(json.dumps({"weights": {"name": "tiny"}, **metrics}))
    return out
