"""Folders as segment-dir and eval leave them, made without a network for tests of the page."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from busicli.batch.tables import LESION_COLUMNS, write_tables
from busicli.io.escaping import percent_escape
from busicli.io.images import encode_mask
from busicli.report.thumbnail import encode_thumbnail

CONFIDENCE = {"weights": [0.0], "bias": 0.0, "review_below": 0.6}


def square(shape=(60, 80), top=20, left=30, side=16):
    """A lesion that is a square."""
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def lesion(number=1, frame=1, **measures):
    """A journal row's lesion: 16 x 16 px unless stated otherwise, in no millimetres."""
    reported = {
        "area_px": 256,
        "long_axis_px": 18.5,
        "short_axis_px": 18.5,
        "touches_border": False,
    }
    known = {"frame": frame, "lesion": number, "bbox": (20, 30, 36, 46), "centroid": (27.5, 37.5)}
    unknown = dict.fromkeys(name for name in LESION_COLUMNS if name != "scan")
    return {**unknown, **reported, **known, **measures}


def done(scan, lesions=(), confidence=0.9, frames=1, **others):
    """The journal row of a scan that came out."""
    written = percent_escape(scan)
    masks = [f"{written}/{n:04d}.png" for n in range(1, frames + 1)] if frames > 1 else [written]
    return {
        "scan": written,
        "status": "ok",
        "reason": "",
        "lesions": list(lesions),
        "confidence": confidence,
        "review": None if confidence is None else confidence < CONFIDENCE["review_below"],
        "sha256": "0" * 64,
        "masks": [
            {"frame": number, "path": f"masks/{path}", "sha256": "0" * 64}
            for number, path in enumerate(masks, start=1)
        ],
        "milliseconds": 12.3,
        **others,
    }


def not_done(scan, status="failed", reason="is damaged or cut short"):
    """The row of a scan that failed or was skipped."""
    return {"scan": percent_escape(scan), "status": status, "reason": reason}


def write_run(out: Path, rows: Iterable[dict], **record) -> Path:
    """The tables and `run.json` of a run."""
    rows = list(rows)
    write_tables(out, rows)
    run = {
        "weights": {"name": "tiny", "card_sha256": "0" * 64, "files": {}},
        "confidence": CONFIDENCE,
        "engine": {"name": "openvino", "precision": "float32"},
        "overlays": True,
        "counts": {"inputs": len(rows), "pending": 0},
        "start": "2026-11-24T02:59:00+00:00",
        "end": "2026-11-24T03:04:00+00:00",
    }
    (out / "run.json").write_text(json.dumps({**run, **record}))
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
