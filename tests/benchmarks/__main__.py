"""Measure what busicli makes of a machine and print ratios; JSON beside.

python -m tests.benchmarks [DATASET] [--memory]: DATASET is a folder in BUSI's layout; without one,
BUSICLI_BUSI_DIR, else the example phantoms (too few for fair ratios, and said so). --memory adds
peak memory of up to 5,000 scans and of one very large scan, and throughput by cores, with a plot:
ten minutes. nnU-Net is a peer where it is installed. Run it on two cores that do nothing else.
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
from tests.benchmarks.commands import ROOT, linked, preparing, start_up
from tests.benchmarks.growth import memory_and_cores
from tests.benchmarks.job import CORES, WEIGHTS, habit_s, jobs, parts
from tests.benchmarks.machine import peaks_gflops
from tests.benchmarks.nnunet import have_nnunet, nnunet
from tests.benchmarks.training import step_gflops

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
    half = linked(scans[::2], len(scans) // 2, scratch / "half")
    done = jobs(folder, half, (len(scans) - len(scans) // 2, len(scans)), scratch)
    prepared = preparing(dataset, scratch)
    kept = memory_and_cores(scans, scratch) if memory else {}
    kept |= nnunet(dataset, scratch) if have_nnunet() else {}
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
    for kind, job in done.items():
        precision = kind.removesuffix(" with page")
        figures |= {f"job {kind}, {name}": value for name, value in job.items()}
        for name, wall in (("", "wall_s"), (", half of the scans", "wall_s, half of the scans")):
            count = len(scans) // 2 if name else len(scans)
            habit_all = habit["begin_s"] + habit["scan_s"] * count
            figures[f"job {kind} against the habit{name}"] = habit_all / job[wall]
        busy = (at_ends + stages[f"network {precision}"]) * len(scans)
        figures[f"job {kind}, share of cores"] = busy / (CORES * job["wall_s"])
    for precision in precisions():
        share = CORES * work / stages[f"network {precision}"] / peaks[precision]
        figures[f"network {precision}, share of peak"] = share
    figures |= prepared | kept
    figures["training step, share of peak"] = step_gflops(card.architecture) / peaks["bfloat16"]
    return figures


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
