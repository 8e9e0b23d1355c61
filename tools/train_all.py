"""Train every network of the shipped weights within a time limit, on an accelerator or without.

    python tools/train_all.py pack DATA PACK              # prepared data, small enough to carry
    python tools/train_all.py train PACK OUT --minutes 8  # folds, left-out data sets, final network

DATA is what `busicli preprocess` made. PACK is one file: images as WebP, masks as PNG. `train` runs
with the backend that KERAS_BACKEND names, measures a step, gives every network as many epochs as
the limit allows and writes OUT/NAME.tar as each network ends: a run folder without checkpoints.
"""

import argparse
import io
import math
import os
import tarfile
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from busicli.data.store import ArrayFile, PreparedData, open_data
from busicli.settings import AugmentSettings, TrainSettings
from busicli.training.request import TrainRequest

QUALITY = 80
"""Of the packed WebP images."""
SHARE = 0.85
"""Of the time left that is planned for: compiling and writing take the rest."""
PROBED_STEPS = 12
SETTINGS = TrainSettings(
    batch_size=64,
    learning_rate=2e-3,
    ema_momentum=0.995,
    precision="bfloat16",
    augmentation=AugmentSettings(lesion_free_crop_prob=0.05),
)


@dataclass(frozen=True, slots=True)
class Network:
    """One network to be trained."""

    name: str
    fold: tuple[int, int] | None = None
    datasets: tuple[str, ...] = ()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("data", type=Path)
    packing.add_argument("pack", type=Path)
    training = commands.add_parser("train")
    training.add_argument("pack", type=Path)
    training.add_argument("out", type=Path)
    training.add_argument("--minutes", type=float, required=True)
    training.add_argument("--networks", default="", help="names, separated by commas; default: all")
    training.add_argument("--processes", type=int, default=max(0, (os.cpu_count() or 1) - 2))
    training.add_argument("--batch-size", type=int, default=SETTINGS.batch_size)
    training.add_argument("--most-epochs", type=int, default=400)
    given = parser.parse_args()
    if given.command == "pack":
        pack(open_data(given.data), given.pack)
    else:
        train_all(given)


def pack(data: PreparedData, target: Path) -> None:
    """Write a data folder as one small file; masks at the scans' own size stay behind."""
    with zipfile.ZipFile(target, "w") as archive:
        for name in ("cases.csv", "dataset.json"):
            archive.write(data.folder / name, name)
        for split in ("train", "val", "test"):
            scans = data.load(split)  # type: ignore[arg-type]
            for row in range(len(scans.cases)):
                image, mask = io.BytesIO(), io.BytesIO()
                Image.fromarray(scans.images[row]).save(image, "WEBP", quality=QUALITY)
                Image.fromarray(scans.masks[row] > 0).save(mask, "PNG", optimize=True)
                archive.writestr(f"{split}/{row:06d}.webp", image.getvalue())
                archive.writestr(f"{split}/{row:06d}.png", mask.getvalue())
    print(f"{target}: {target.stat().st_size / 2**20:.1f} MiB")


def unpack(source: Path, folder: Path) -> PreparedData:
    """The data folder again, with arrays for every split."""
    with zipfile.ZipFile(source) as archive:
        for name in ("cases.csv", "dataset.json"):
            archive.extract(name, folder)
        for split in ("train", "val", "test"):
            names = [n for n in archive.namelist() if n.startswith(f"{split}/")]
            for kind, suffix in (("images", ".webp"), ("masks", ".png")):
                rows = [_pixels(archive.read(n), kind) for n in names if n.endswith(suffix)]
                array = ArrayFile(folder / split / f"{kind}.npy", (len(rows), *rows[0].shape))
                for row in rows:
                    array.append(row)
                array.close()
    return open_data(folder)


def _pixels(data: bytes, kind: str) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(data))
    wanted = image.convert("RGB") if kind == "images" else image.convert("1")
    return np.asarray(wanted, np.uint8)


def networks(data: PreparedData) -> list[Network]:
    """Five folds, the final network, and one without each data set."""
    names = list(data.info["datasets"])
    others = {left_out: tuple(n for n in names if n != left_out) for left_out in names}
    return [
        *(Network(f"fold-{number}", fold=(number, 5)) for number in range(1, 6)),
        Network("final"),
        *(Network(f"without-{left_out}", datasets=kept) for left_out, kept in others.items()),
    ]


def train_all(given: argparse.Namespace) -> None:
    """Train the networks that were asked for, one after the other, until the time is up."""
    ends = time.monotonic() + 60 * given.minutes
    _cache_compiled(given.out)
    work = given.out.parent / f"{given.out.name}-work"
    data = unpack(given.pack, work / "data")
    wanted = given.networks.split(",") if given.networks else []
    chosen = [n for n in networks(data) if not wanted or n.name in wanted]
    settings = replace(SETTINGS, batch_size=given.batch_size)
    each_s = SHARE * (ends - time.monotonic()) / len(chosen)
    epochs = min(given.most_epochs, epochs_within(each_s, data, settings))
    print(f"{len(chosen)} networks, {each_s:.0f} s each: {epochs} epochs", flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    for network in chosen:
        started = time.monotonic()
        if started + each_s > ends:
            print(f"{network.name}: no time is left", flush=True)
            continue
        folder = _train(network, work, replace(settings, epochs=epochs), given.processes)
        _store(folder, given.out / f"{network.name}.tar")
        print(f"{network.name}: {time.monotonic() - started:.0f} s", flush=True)


def _cache_compiled(out: Path) -> None:
    """Compile each size once for all networks, where the backend is JAX."""
    from busicli.models.keras_backend import load_keras

    if load_keras().backend.backend() == "jax":
        import jax

        jax.config.update("jax_compilation_cache_dir", str(out.parent / "jax-cache"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1)


def epochs_within(seconds: float, data: PreparedData, settings: TrainSettings) -> int:
    """How many epochs of training fit, by the time that steps of both sizes take."""
    steps = math.ceil(0.8 * len(data.cases) / settings.batch_size)
    full_px = data.preprocess.size_px
    sizes = (settings.size_px(0, full_px, 32), full_px)
    small_s, full_s = (_step_s(size, settings) for size in sizes)
    print(
        f"a step takes {small_s:.3f} s at {sizes[0]} px, {full_s:.3f} s at {sizes[1]}", flush=True
    )
    epoch_s = steps * (
        settings.low_res_fraction * small_s + (1 - settings.low_res_fraction) * full_s
    )
    return max(1, int(seconds / epoch_s))


def _step_s(size_px: int, settings: TrainSettings) -> float:
    """Seconds of a training step on random pixels, compiled."""
    from busicli.models.registry import find
    from busicli.models.weights import build_model
    from busicli.training.loop import compile_model

    model = build_model(find("improved-unet"), size_px, {}, precision=settings.precision)
    compile_model(model, settings, settings.batch_size * PROBED_STEPS)
    rng = np.random.default_rng(0)
    images = rng.random((settings.batch_size, size_px, size_px, 3), np.float32)
    classes = np.eye(3, dtype=np.float32)[np.zeros(settings.batch_size, int)]
    targets = [images[..., :1].round(), classes]
    model.train_on_batch(images, targets)
    started = time.monotonic()
    for _ in range(PROBED_STEPS):
        model.train_on_batch(images, targets)
    return (time.monotonic() - started) / PROBED_STEPS


def _train(network: Network, work: Path, settings: TrainSettings, processes: int) -> Path:
    from busicli.training.request import TrainCallbacks
    from busicli.training.run import run_training, train_fold

    request = TrainRequest(
        data=work / "data",
        runs=work / "runs",
        name="folds" if network.fold else network.name,
        model="improved-unet",
        settings=settings,
        on="train" if network.fold else "all",
        datasets=network.datasets,
        processes=processes,
    )
    if network.fold:
        return train_fold(request, network.fold, TrainCallbacks()).parent
    return run_training(request, TrainCallbacks()).folder


def _store(folder: Path, target: Path) -> None:
    """A run's folder as one file, without checkpoints."""
    with tarfile.open(target.with_suffix(".part"), "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "checkpoints" not in path.parts and path.suffix != ".svg":
                archive.add(path, path.relative_to(folder.parent))
    target.with_suffix(".part").rename(target)


if __name__ == "__main__":
    main()
