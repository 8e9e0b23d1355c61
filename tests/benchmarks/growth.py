"""How memory grows with scans and speed with cores: figures, and a plot of both."""

import os
from pathlib import Path

from PIL import Image

from busicli.plots.drawing import BLUE, new_figure, plain_axis, render
from tests.benchmarks.commands import ROOT, linked, spent

COUNTS = (50, 500, 5000)
SIDE_PX = 9990
"""Of the large scan: 99.8 million pixels."""


def memory_and_cores(scans: list[Path], scratch: Path) -> dict[str, object]:
    """Peak memory of ever more scans and of one large one, throughput on ever more cores.

    Writes benchmarks/growth.png and .svg.
    """
    peaks = {
        count: spent(
            ["segment-dir", linked(scans, count, scratch / f"{count}"), scratch / f"out-{count}"]
        ).peak_mb
        for count in COUNTS
    }
    speeds = {cores: _speed(scans, cores, scratch) for cores in range(1, (os.cpu_count() or 1) + 1)}
    _plot(peaks, speeds)
    figures: dict[str, object] = {f"peak MB, {n} scans": peak for n, peak in peaks.items()}
    few, many = COUNTS[-2:]
    figures[f"peak memory, {many} scans against {few}"] = peaks[many] / peaks[few]
    figures |= {f"scans a second, cores: {cores}": speed for cores, speed in speeds.items()}
    return figures | _large(scans[0], scratch)


def _speed(scans: list[Path], cores: int, scratch: Path) -> float:
    folder = linked(scans, len(scans), scratch / f"cores-{cores}")
    out = scratch / f"out-cores-{cores}"
    return len(scans) / spent(["segment-dir", folder, out, "--jobs", str(cores)], cores).wall_s


def _large(scan: Path, scratch: Path) -> dict[str, object]:
    folder = scratch / "large"
    folder.mkdir()
    with Image.open(scan) as image:
        image.convert("L").resize((SIDE_PX, SIDE_PX)).save(folder / "large.png")
    cost = spent(["segment-dir", folder, scratch / "out-large", "--max-pixels", str(SIDE_PX**2)])
    return {"large scan, s": cost.wall_s, "large scan, peak MB": cost.peak_mb}


def _plot(peaks: dict[int, float], speeds: dict[int, float]) -> None:
    figure = new_figure(2.6)
    memory, speed = figure.subplots(1, 2)
    memory.plot(list(peaks), list(peaks.values()), "o-", color=BLUE)
    memory.set_xscale("log")
    memory.set_xticks(list(peaks), labels=map(str, peaks))
    memory.minorticks_off()
    memory.set_ylim(0, 1.1 * max(peaks.values()))
    plain_axis(memory, "Memory", "scans", "peak, MB")
    speed.plot(list(speeds), list(speeds.values()), "o-", color=BLUE)
    speed.set_xticks(list(speeds))
    speed.set_ylim(0, 1.1 * max(speeds.values()))
    plain_axis(speed, "Throughput", "cores", "scans a second")
    render(figure).write(ROOT / "benchmarks" / "growth")
