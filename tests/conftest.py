import csv
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import hypothesis
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from busicli.cli.app import main
from tests.made_weights import change_card

if TYPE_CHECKING:
    from tests.soak.state import Ward

T = TypeVar("T")
TRAINING = (
    *("--epochs", "2", "--batch-size", "2", "--learning-rate", "0.004", "--seed", "30"),
    *("--model", "unet", "--model-option", "filters=8", "--model-option", "levels=3"),
    *("--set", "augmentation.body_mark_prob=0"),  # two epochs are too few to learn them
    *("--set", "low_res_px=32"),  # the first epoch is at 32 px, the second at 64
    *("--set", "dice_weight=20", "--set", "presence_weight=2"),  # every term has its part
)
"""Small enough for a test, and enough for masks that are neither empty nor full."""


@dataclass(frozen=True)
class Ended:
    """How a command ended; the streams' bytes are kept as they came."""

    status: int
    out: str
    err: str


Command = Callable[..., Ended]


@dataclass(frozen=True)
class Prepared:
    """A user's folder after `preprocess`."""

    folder: Path
    preprocess: Ended

    @property
    def data(self) -> Path:
        return self.folder / "data"


@dataclass(frozen=True)
class Study(Prepared):
    """The same folder after `train` and `segment-dir`."""

    train: Ended
    segment: Ended

    @property
    def run(self) -> Path:
        return self.folder / "runs" / "tiny"

    @property
    def weights(self) -> Path:
        return self.run / "weights"

    @property
    def out(self) -> Path:
        return self.folder / "out"


def pytest_configure() -> None:
    hypothesis.settings.register_profile("busicli", deadline=None)  # a machine may be busy
    hypothesis.settings.load_profile("busicli")
    # before Keras is imported: what a process of its own would print stays out of captured stderr
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory) -> Iterator[None]:
    """Compiled graphs of tests' weights stay out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def scans() -> Path:
    """The 24 phantoms: 10 benign, 8 malignant, 6 normal; 06 and 09 have two masks each."""
    return Path(__file__).parents[1] / "examples" / "scans"


@pytest.fixture(scope="session")
def phantom_file(scans) -> Path:
    """A simulated scan with a lesion that the shipped weights find."""
    return next(scans.glob("malignant/*[0-9].png"))


@pytest.fixture(scope="session")
def phantom(phantom_file) -> np.ndarray:
    """Its greys."""
    return np.asarray(Image.open(phantom_file).convert("L"))


@pytest.fixture(scope="session")
def wards(tmp_path_factory, scans) -> "dict[str, Ward]":
    """Scans of all kinds to be run with few outputs, and with all of them."""
    from tests.soak.state import ALL, FEW, make_ward

    phantoms = [path for path in sorted(scans.glob("*/*.png")) if "_mask" not in path.stem]
    return {
        name: make_ward(tmp_path_factory.mktemp(name), phantoms, outputs)
        for name, outputs in (("few", FEW), ("all", ALL))
    }


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], T]], tuple[Path, T]]:
    """Make a folder once for all of pytest's workers; each gets a copy and what `make` returned."""
    base = tmp_path_factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], T]) -> tuple[Path, T]:
        folder, returned = common / f"once-{name}", common / f"once-{name}.pickle"
        with FileLock(common / f"once-{name}.lock"):
            if not returned.is_file():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that was killed
                folder.mkdir()
                returned.write_bytes(pickle.dumps(make(folder)))
        own = tmp_path_factory.mktemp(name)
        return shutil.copytree(folder, own, dirs_exist_ok=True), pickle.loads(returned.read_bytes())

    return made


@pytest.fixture(scope="session")
def finished_run(made_once, scans, run) -> Path:
    """What a run over the phantoms left, with the shipped weights; for reading alone."""

    def make(folder: Path) -> None:
        assert run("segment-dir", scans, "out", cwd=folder).status == 0

    return made_once("finished", make)[0] / "out"


@pytest.fixture
def out(finished_run, tmp_path) -> Path:
    """A copy of it to work on."""
    return Path(shutil.copytree(finished_run, tmp_path / "out"))


@pytest.fixture(scope="session")
def start() -> Callable[..., "subprocess.Popen[bytes]"]:
    """Begin a process of the real program in a folder; the test ends it."""

    def begin(*args: object, cwd: Path, pipesize: int = -1) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "busicli", *map(str, args)],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pipesize=pipesize,
        )

    return begin


@pytest.fixture(scope="session")
def run(start) -> Command:
    """The real program as a process of its own, to its end."""

    def until_end(*args: object, cwd: Path, stdin: bytes = b"") -> Ended:
        with start(*args, cwd=cwd) as process:
            out, err = process.communicate(stdin)
        return Ended(process.returncode, out.decode(), err.decode())

    return until_end


@pytest.fixture
def call(monkeypatch, capfdbinary, tmp_path) -> Command:
    """The program's own entry within this process: the same, without loading Keras each time."""

    def until_end(*args: object, stdin: bytes = b"") -> Ended:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["busicli", *map(str, args)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfdbinary.readouterr()
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        out, err = capfdbinary.readouterr()
        return Ended(status, out.decode(), err.decode())

    return until_end


@pytest.fixture(scope="session")
def prepared(made_once, scans, run) -> Prepared:
    """The phantoms prepared at 64 px, once, for all tests that only look at the result."""

    def make(folder: Path) -> Ended:
        return run("preprocess", scans, "--size", 64, cwd=folder)

    return Prepared(*made_once("prepared", make))


@pytest.fixture
def objected(prepared, tmp_path) -> Path:
    """The prepared phantoms, one training scan of each class and one of two validation scans with
    an objection: a folder of its own with the same fingerprint."""
    folder = Path(shutil.copytree(prepared.data, tmp_path / "objected"))
    with (folder / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = {row["class"] if row["split"] == "train" else row["split"]: row for row in rows[::-1]}
    for kind in ("benign", "malignant", "normal", "val"):
        first[kind]["objection"] = "axilla"
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def study(made_once, prepared, scans, run) -> Study:
    """Training and segmentation once, for all tests that only look at the results."""

    def make(folder: Path) -> tuple[Ended, Ended]:
        shutil.copytree(prepared.data, folder / "data")
        train = run("train", "--name", "tiny", *TRAINING, cwd=folder)
        # not left to chance: two validation scans seldom are a good and a bad mask
        confidence = {"weights": [*[0] * 3, 4, *[0] * 4], "bias": -3, "review_below": 0.5}
        change_card(folder / "runs" / "tiny" / "weights", confidence=confidence)
        # on the engine that eval scores with, so that their masks are the same
        engine = ("--weights", "runs/tiny/weights", "--engine", "keras")
        return train, run("segment-dir", scans, "out", *engine, cwd=folder)

    folder, ended = made_once("study", make)
    return Study(folder, prepared.preprocess, *ended)


@pytest.fixture(scope="session")
def scored(study, run) -> tuple[Path, Ended, dict[str, Any]]:
    """The train split scored by a process: (folder, how it ended, metrics)."""
    ended = run("eval", "--split", "train", cwd=study.folder)
    out = study.folder / "eval" / "tiny-train"
    return out, ended, json.loads((out / "metrics.json").read_text())


@pytest.fixture(scope="session")
def training() -> tuple[str, ...]:
    """The options that the study was trained with, but for the run's name."""
    return TRAINING


@pytest.fixture
def deep_folder(tmp_path) -> Iterator[Path]:
    """A folder 1,200 folders deep, more than the stack holds; `deep` in `tmp_path` is the first."""
    folder = tmp_path / "deep"
    for _ in range(1_200):
        folder.mkdir()
        folder = folder / "d"
    yield folder.parent
    subprocess.run(["rm", "-rf", tmp_path / "deep"], check=True)  # shutil.rmtree would not do


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its bytes."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read
