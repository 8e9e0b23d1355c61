"""Measure the commands as whole processes and print ratios; JSON beside.

python -m tests.benchmarks [DATASET]: DATASET is a folder in BUSI's layout; without one,
BUSICLI_BUSI_DIR, else the example phantoms (too few for a fair ratio of workers, and said so).
Run it on a machine that does nothing else.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
PHANTOMS = ROOT / "examples" / "scans"
REPEATS = 3


def main() -> None:
    """Measure, print a table, write benchmarks/commands.json."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("BUSICLI_BUSI_DIR")
    dataset = Path(given).resolve() if given else PHANTOMS
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(dataset, Path(scratch))
    if dataset == PHANTOMS:
        figures["note"] = "24 phantoms only: starting workers outweighs their help"
    for name, value in figures.items():
        print(f"{name:42} {value}")
    out = ROOT / "benchmarks" / "commands.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"written to {out.relative_to(ROOT)}")


def measure(dataset: Path, scratch: Path) -> dict[str, object]:
    """Medians of interleaved runs, so that a machine that slows down slows every side."""
    prepare = ["preprocess", str(dataset), "--out", str(scratch / "data"), "--jobs"]
    helps, one, two = [], [], []
    for _ in range(REPEATS):
        helps.append(seconds(["--help"]))
        one.append(seconds([*prepare, "1"]))
        two.append(seconds([*prepare, "2"]))
    scans = [p for p in dataset.rglob("*.png") if "_mask" not in p.stem]
    whole = seconds(["segment-dir", str(dataset), str(scratch / "out")])
    return {
        "cores": os.cpu_count(),
        "scans": len(scans),
        "help_s": round(median(helps), 3),
        "preprocess_jobs_1_s": round(median(one), 2),
        "preprocess_jobs_2_s": round(median(two), 2),
        "preprocess_speed_up_2_against_1": round(median(one) / median(two), 2),
        "segment_dir_s": round(whole, 2),
        "segment_dir_s_a_scan": round(whole / len(scans), 4),
    }


def seconds(arguments: Sequence[str]) -> float:
    """Wall seconds of one whole process, its output thrown away."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "busicli", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
