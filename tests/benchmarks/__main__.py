"""Measure what busicli makes of a machine and print ratios; JSON beside.

python -m tests.benchmarks [DATASET] [--memory]: DATASET is a folder in BUSI's layout; without one,
BUSICLI_BUSI_DIR, else the example phantoms (too few for fair ratios, and said so). --memory adds
the peak memory of 5,000 scans against 500: ten minutes. Run it on two cores that do nothing else.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from busicli.inference.openvino import precisions
from busicli.models.flops import operations
from busicli.models.registry import find
from busicli.models.weights import build_model, read_card, resolve_weights
from tests.benchmarks.commands import preparing, spent, start_up
from tests.benchmarks.job import CORES, WEIGHTS, habit_s, jobs, parts
from tests.benchmarks.machine import peaks_gflops
from tests.benchmarks.training import step_gflops

ROOT = Path(__file__).parents[2]
PHANTOMS = ROOT / "examples" / "scans"
SCANS = 300


def main() -> None:
    """Measure, print a table, write benchmarks/speed.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", nargs="?", type=Path)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    dataset = given.dataset or Path(os.environ.get("BUSICLI_BUSI_DIR", PHANTOMS))
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(dataset.resolve(), Path(scratch), memory=given.memory)
    if dataset == PHANTOMS:
        figures["note"] = "24 phantoms only: starting outweighs the rest"
    for name, value in figures.items():
        print(f"{name:46} {_shown(value)}")
    out = ROOT / "benchmarks" / "speed.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"written to {out.relative_to(ROOT)}")


def measure(dataset: Path, scratch: Path, *, memory: bool) -> dict[str, object]:
    """Every figure of one run. Whole processes come first: a process reports the peak memory of
    the one that began it where that is larger, and TensorFlow is large.
    """
    every = [path for path in sorted(dataset.rglob("*.png")) if "_mask" not in path.stem]
    scans = every[:: max(1, len(every) // SCANS)][:SCANS]
    folder = linked(scans, len(scans), scratch / "scans")
    start = start_up(scans[0], scratch)
    done = jobs(folder, len(scans), scratch)
    prepared = preparing(dataset, scratch)
    kept = _memory(scans, scratch) if memory else {}
    peaks = peaks_gflops()
    stages = parts(scans)
    habit = habit_s(scans)
    card_folder, pinned = resolve_weights(WEIGHTS)
    card = read_card(card_folder, pinned_sha256=pinned)
    size = card.preprocess.size_px
    model = build_model(find(card.architecture), size, card.options)
    work = (1 + card.tta) * operations(model) / 1e9
    figures: dict[str, object] = {"cores": os.cpu_count(), "scans": len(scans)}
    figures |= {f"peak {name}, GFLOP/s": value for name, value in peaks.items()}
    figures |= {f"{name}, core ms a scan": 1000 * value for name, value in stages.items()}
    figures |= {f"habit, {name}": value for name, value in habit.items()}
    figures |= start
    at_ends = sum(stages[name] for name in ("decode", "encode mask", "encode overlay"))
    habit_all = habit["begin_s"] + habit["scan_s"] * len(scans)
    for kind, job in done.items():
        precision = kind.removesuffix(" with page")
        figures |= {f"job {kind}, {name}": value for name, value in job.items()}
        figures[f"job {kind} against the habit"] = habit_all / job["wall_s"]
        busy = (at_ends + stages[f"network {precision}"]) * len(scans)
        figures[f"job {kind}, share of cores"] = busy / (CORES * job["wall_s"])
    for precision in precisions():
        share = CORES * work / stages[f"network {precision}"] / peaks[precision]
        figures[f"network {precision}, share of peak"] = share
    figures |= prepared | kept
    figures["training step, share of peak"] = step_gflops(card.architecture) / peaks["bfloat16"]
    return figures


def _memory(scans: list[Path], scratch: Path) -> dict[str, object]:
    few, many = (
        spent(["segment-dir", linked(scans, count, scratch / f"{count}"), scratch / f"out-{count}"])
        for count in (500, 5000)
    )
    return {
        "peak MB, 500 scans": few.peak_mb,
        "peak MB, 5000 scans": many.peak_mb,
        "peak memory, 5000 scans against 500": many.peak_mb / few.peak_mb,
    }


def linked(scans: list[Path], count: int, folder: Path) -> Path:
    """A folder of `count` links to the scans, some to the same."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05d}.png").symlink_to(scans[number % len(scans)])
    return folder


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
