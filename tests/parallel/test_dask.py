import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.dask_processes import Dask
from tests.segmented import lasting_rows, results

WAIT_S = 600
"""So long that no busy machine fails a test."""


@pytest.fixture(scope="module")
def dask(tmp_path_factory) -> Iterator[Dask]:
    cluster = Dask(tmp_path_factory.mktemp("dask"))
    cluster.add_workers(2)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def ward(tmp_path_factory, scans) -> Path:
    """Phantoms, three times over, and a broken file."""
    folder = tmp_path_factory.mktemp("cluster") / "ward"
    for copy in ("a", "b", "c"):
        shutil.copytree(scans, folder / copy)
    (folder / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def whole(ward, run) -> Path:
    """What one machine makes of them."""
    out = ward.parent / "whole"
    assert run("segment-dir", ward, out, cwd=ward.parent).status == 3
    return out


def wait_for_rows(out: Path, process, count: int = 5) -> None:
    """Until so many segmented scans stand in the journal. Masks alone are not enough: on a busy
    machine workers write some long before the program that was killed would have noted them."""
    journal = out / ".busicli" / "journal.jsonl"
    while not journal.is_file() or journal.read_bytes().count(b'"status": "ok"') < count:
        assert process.poll() is None
        time.sleep(0.02)


def test_a_cluster_makes_the_same_files(ward, whole, dask, run, tree, tmp_path):
    ended = run("segment-dir", ward, "out", "--cluster", dask.address, cwd=tmp_path)
    assert ended.status == 3
    assert "72 scans segmented" in ended.out
    assert results(tmp_path / "out", tree) == results(whole, tree)


def test_a_worker_killed_costs_nothing(ward, whole, dask, start, tree, tmp_path):
    process = start("segment-dir", ward, "out", "--cluster", dask.address, cwd=tmp_path)
    wait_for_rows(tmp_path / "out", process)
    dask.worker_processes()[0].kill()
    assert process.wait(WAIT_S) == 3
    assert results(tmp_path / "out", tree) == results(whole, tree)


def test_a_client_killed_resumes_where_it_was(ward, whole, dask, start, run, tree, tmp_path):
    process = start("segment-dir", ward, "out", "--cluster", dask.address, cwd=tmp_path)
    wait_for_rows(tmp_path / "out", process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    ended = run("segment-dir", ward, "out", "--cluster", dask.address, cwd=tmp_path)
    assert re.search(r"\(\d+ new, \d+ in an earlier run\)", ended.out)
    assert results(tmp_path / "out", tree) == results(whole, tree)


def test_what_a_cluster_began_one_machine_ends(ward, whole, dask, start, run, tree, tmp_path):
    process = start("segment-dir", ward, "out", "--cluster", dask.address, cwd=tmp_path)
    wait_for_rows(tmp_path / "out", process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == 75
    assert run("segment-dir", ward, "out", cwd=tmp_path).status == 3
    assert results(tmp_path / "out", tree) == results(whole, tree)


def test_parts_on_a_cluster(ward, whole, dask, run, call, tree, tmp_path):
    for part in ("1/2", "2/2"):
        options = ("--cluster", dask.address, "--part", part)
        assert run("segment-dir", ward, "out", *options, cwd=tmp_path).status in (0, 3)
    assert call("merge", "out").status == 3
    assert results(tmp_path / "out", tree) == results(whole, tree)


def test_a_scan_that_takes_its_workers_with_it_fails_and_the_rest_is_done(scans, run, tmp_path):
    """An image too large for the workers' memory: their nannies kill them, again and again."""
    for copy in range(6):  # so many that a task holds several: the others of its task are done
        shutil.copytree(scans, tmp_path / "ward" / str(copy))
    huge = np.random.default_rng(0).integers(0, 255, (9990, 9990), np.uint8)
    Image.fromarray(huge).save(tmp_path / "ward" / "2" / "huge.png", compress_level=1)
    cluster = Dask(tmp_path)
    try:
        cluster.add_workers(2, memory="500MB")
        options = ("--cluster", cluster.address, "--max-pixels", 100_000_000)
        ended = run("segment-dir", "ward", "out", *options, cwd=tmp_path)
    finally:
        cluster.close()
    found = {row["scan"]: row for row in lasting_rows(tmp_path / "out")}
    assert ended.status == 3
    assert found.pop("2/huge.png")["reason"].startswith("its worker was killed again and again")
    assert {row["status"] for row in found.values()} == {"ok", "skipped"}


def test_being_stopped_while_no_worker_answers(ward, start, tmp_path):
    cluster = Dask(tmp_path)
    try:
        process = start("segment-dir", ward, "out", "--cluster", cluster.address, cwd=tmp_path)
        while not (tmp_path / "out/.busicli/journal.jsonl").is_file():
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 75
    finally:
        cluster.close()


def test_preprocess_on_a_cluster_writes_the_same_data(scans, prepared, dask, run, tree, tmp_path):
    options = ("--size", 64, "--cluster", dask.address)
    ended = run("preprocess", scans, "--out", "there", *options, cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "there") == tree(prepared.data)


def test_broken_data_are_named_by_a_cluster_too(scans, dask, run, call, tmp_path):
    shutil.copytree(scans, tmp_path / "bad")
    (tmp_path / "bad" / "benign" / "phantom-03.png").write_bytes(b"no image")
    options = ("preprocess", "bad", "--out", "out")
    ends = (run(*options, "--cluster", dask.address, cwd=tmp_path), call(*options))
    said = [ended.err.splitlines()[-1] for ended in ends]
    assert "phantom-03.png" in said[0]
    assert said[0] == said[1]
    assert not (tmp_path / "out").exists()


def test_folds_are_trained_side_by_side(prepared, training, dask, run, call, tmp_path):
    data = prepared.folder / "data"
    options = ("--folds", 2, "--name", "cv", "--data", data)
    ended = run("train", *options, *training, "--cluster", dask.address, cwd=tmp_path)
    assert ended.status == 0, ended.err
    cards = [tmp_path / f"runs/cv/fold-{n}/weights/card.json" for n in (1, 2)]
    assert all(card.is_file() for card in cards)
    assert call("eval", "--folds", 2, "--weights", "runs/cv", "--data", data).status == 0
    again = run("train", *options, *training, "--cluster", dask.address, cwd=tmp_path)
    assert again.status == 0  # what is trained stays as it is


def test_only_folds_are_trained_on_a_cluster(call):
    ended = call("train", "--cluster", "tcp://127.0.0.1:9")
    assert ended.status == 2
    assert "give --folds too" in ended.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--cluster", "somewhere"), "--cluster is somewhere"),
        (("--workers", 3), "--workers: only for --cluster slurm"),
        (("--cluster", "tcp://h:1", "--walltime", "1:00:00"), "--walltime: only for --cluster"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(ward, call, options, sentence):
    ended = call("segment-dir", ward, "out", *options)
    assert ended.status == 2
    assert sentence in ended.err


def test_a_scheduler_that_is_not_there_is_one_sentence(ward, call):
    ended = call("segment-dir", ward, "out", "--cluster", "tcp://127.0.0.1:9")
    assert ended.status == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in ended.err


def test_without_dask_the_extra_is_named(ward, call, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    ended = call("segment-dir", ward, "out", "--cluster", "tcp://127.0.0.1:9")
    assert ended.status == 1
    assert "pip install 'busicli[cluster]'" in ended.err
