import numpy as np

from busicli.data.store import open_data
from busicli.settings import TrainSettings
from busicli.training.examples import Epoch
from busicli.training.loader import open_loader


def test_worker_processes_make_the_examples_that_this_one_makes(prepared):
    split = open_data(prepared.data).load("train")
    epoch = Epoch(split, TrainSettings(batch_size=2), 3, 32)
    with open_loader(split, 0) as here, open_loader(split, 1) as beside:
        expected = here.examples(epoch, range(2), [1, 0])
        found = beside.examples(epoch, range(2), [1, 0])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.mask, other.mask)
        assert one.label == other.label


def test_worker_processes_run_nothing_from_the_current_folder(prepared, tmp_path, monkeypatch):
    (tmp_path / "multiprocessing.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    split = open_data(prepared.data).load("train")
    epoch = Epoch(split, TrainSettings(batch_size=2), 3, 32)
    with open_loader(split, 1) as loader:
        assert len(loader.examples(epoch, range(1), [0])) == 1
    assert not (tmp_path / "ran").exists()
