"""A night's job, `segment-dir` on real scans, against the habit and against its own parts."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from busicli.imaging.contour import contour_mask
from busicli.imaging.postprocess import lesion_mask
from busicli.imaging.preprocess import native_probability, network_image
from busicli.inference.choose import EngineRequest, choose_engine
from busicli.inference.engines import Engine, with_flip_tta
from busicli.inference.openvino import open_graph, precisions
from busicli.io.images import decode_frames, encode_mask, encode_overlay
from busicli.models.registry import find
from busicli.models.weights import build_model, read_card, read_checked, resolve_weights
from busicli.parallel.threads import ordered_map
from busicli.settings import Precision
from tests.benchmarks.commands import spent

if TYPE_CHECKING:
    import keras

Figures = dict[str, dict[str, float]]
T = TypeVar("T")
R = TypeVar("R")

WEIGHTS = "improved-unet"
HABIT_SCANS = 20
CORES = 2
SIZE = 256


def habit_s(scans: Sequence[Path]) -> dict[str, float]:
    """Seconds to begin and for a scan: the baseline notebook's U-Net of 64 filters, Keras's
    `predict` of one scan after the other, masks alone. Measured on the first few scans.
    """
    started = time.perf_counter()
    model = build_model(find("unet"), SIZE, {"filters": 64})
    _habit_one(model, scans[0])
    ready = time.perf_counter()
    for scan in scans[1 : HABIT_SCANS + 1]:
        _habit_one(model, scan)
    ended = time.perf_counter()
    return {"begin_s": ready - started, "scan_s": (ended - ready) / HABIT_SCANS}


def _habit_one(model: "keras.Model", scan: Path) -> bytes:
    from skimage.color import gray2rgb
    from skimage.io import imread
    from skimage.transform import resize

    pixels = imread(scan)
    image = resize(gray2rgb(pixels) if pixels.ndim == 2 else pixels[..., :3], (SIZE, SIZE))
    probability = model.predict(image[None].astype(np.float32), verbose=0)[0, ..., 0]
    return encode_mask(probability >= 0.5)


def jobs(folder: Path, half: Path, counts: tuple[int, int], scratch: Path) -> Figures:
    """`segment-dir` by precision: wall and core seconds and peak memory, begin to end, once with
    masks, overlays and tables alone, once with its page and the small images on it.

    `half` holds some of the scans of `folder`, as many as `counts` says. What more scans cost more
    is the cost of a scan without the start.
    """
    found = {}
    for precision, page in product(_allowed(), (False, True)):
        name = f"{precision} with page" if page else precision
        options = ("--precision", precision, "--report" if page else "--no-report")
        few, cost = (
            spent(["segment-dir", scans, scratch / f"{scans.name} {name}", *options])
            for scans in (half, folder)
        )
        found[name] = {
            "wall_s": cost.wall_s,
            "wall_s, half of the scans": few.wall_s,
            "core_s": cost.core_s,
            "core ms a scan without start": 1000 * (cost.core_s - few.core_s) / counts[0],
            "share of time that cores are busy": cost.core_s / (CORES * cost.wall_s),
            "peak_mb": cost.peak_mb,
            "scans_a_second": counts[1] / cost.wall_s,
        }
    return found


def _allowed() -> tuple[Precision, ...]:
    """float32, and what `auto` takes here if that is another."""
    folder, pinned = resolve_weights(WEIGHTS)
    engine, _ = choose_engine(EngineRequest(), folder, read_card(folder, pinned_sha256=pinned))
    return ("float32",) if engine.precision == "float32" else ("float32", engine.precision)


def _one_map(engine: Engine, inputs: NDArray[np.uint8], row: int) -> NDArray[np.float32]:
    return engine.predict(inputs[row : row + 1]).maps[0]


def parts(scans: Sequence[Path]) -> dict[str, float]:
    """Core seconds a scan of each stage alone, in one thread; the network's on all cores, each
    thread asking for one scan after the other as the job's do.
    """
    folder, pinned = resolve_weights(WEIGHTS)
    card = read_card(folder, pinned_sha256=pinned)
    data = [scan.read_bytes() for scan in scans]
    found: dict[str, float] = {}

    def timed(name: str, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        started = time.perf_counter()
        results = [function(item) for item in items]
        found[name] = (time.perf_counter() - started) / len(scans)
        return results

    frames = timed("decode", lambda bytes_: next(iter(decode_frames(bytes_))).image, data)
    inputs = np.stack(timed("prepare", lambda f: network_image(f, card.preprocess), frames))
    maps = None
    graph = {part: read_checked(folder, card, part) for part in card.files}
    for precision in precisions():  # also where no job may
        plain = open_graph(graph, precision=precision, streams=CORES)
        one = partial(_one_map, with_flip_tta(plain, card.tta), inputs)
        list(ordered_map(one, range(8), jobs=CORES))
        started = time.perf_counter()
        maps = list(ordered_map(one, range(len(inputs)), jobs=CORES))
        found[f"network {precision}"] = CORES * (time.perf_counter() - started) / len(scans)
    assert maps is not None
    pairs = list(zip(maps, frames, strict=True))
    native = timed(
        "enlarge", lambda p: native_probability(p[0], p[1].shape[:2], card.preprocess), pairs
    )
    masks = timed("post-process", lambda n: lesion_mask(n, card.postprocess), native)
    timed("encode mask", encode_mask, masks)
    timed(
        "encode overlay",
        lambda pair: encode_overlay(pair[0], contour_mask(pair[1]), np.zeros_like(pair[1])),
        list(zip(frames, masks, strict=True)),
    )
    return found
