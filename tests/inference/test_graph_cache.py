"""Compiled graphs on disk: the same masks, and nothing that anyone else could have put there."""

import os

import numpy as np
import pytest

from busicli.inference.choose import EngineRequest, choose_engine
from busicli.inference.graph_cache import CachedGraph, cache_folder
from busicli.models.weights import read_card, resolve_weights

KEY = "weights, processor and version"


@pytest.fixture
def kept(tmp_path):
    """A cached graph whose bytes are `compiled`."""
    place = CachedGraph(tmp_path / "cache" / "busicli", KEY)
    place.write(b"compiled")
    return place


def test_a_graph_is_read_as_it_was_written(kept):
    assert kept.read() == b"compiled"
    assert kept.folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in kept.folder.iterdir()] == [kept.path.name]


@pytest.mark.parametrize("damaged", [b"", b"compiled", b"\0"])
def test_a_damaged_file_is_no_graph(kept, damaged):
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[: len(whole) - 1] + damaged)  # 1 byte short, longer, changed
    assert kept.read() is None


def test_a_graph_of_other_weights_in_its_place_is_none(kept):
    other = CachedGraph(kept.folder, "other weights")
    kept.path.rename(other.path)
    assert other.read() is None


def test_a_link_in_its_place_is_none(kept):
    own = kept.path.rename(kept.folder / "elsewhere")
    kept.path.symlink_to(own)
    assert kept.read() is None


def test_a_pipe_in_its_place_is_none_and_is_not_waited_for(kept):
    kept.path.unlink()
    os.mkfifo(kept.path)
    assert kept.read() is None


@pytest.mark.parametrize("mode", [0o710, 0o701, 0o720, 0o702])
def test_a_folder_that_others_may_enter_is_not_used(kept, mode):
    kept.folder.chmod(mode)
    assert kept.read() is None
    other = CachedGraph(kept.folder, "other weights")
    other.write(b"compiled")
    assert not other.path.exists()


def test_files_of_another_user_are_not_used(kept, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert kept.read() is None


def test_the_newest_four_graphs_stay(kept):
    os.utime(kept.path, (0, 0))
    places = [CachedGraph(kept.folder, f"weights {number}") for number in range(4)]
    for place in places:
        place.write(b"compiled")
    assert kept.read() is None
    assert [place.read() for place in places] == [b"compiled"] * 4


def test_only_files_of_the_cache_are_ever_removed(tmp_path):
    """XDG_CACHE_HOME may name a folder where a copy of this project lies under its own name."""
    folder = tmp_path / "busicli"
    folder.mkdir(mode=0o700)
    theirs = [folder / name for name in ("README.md", "mine.graph", "a.tmp", "b", "c", "d")]
    left = folder / ".busicli-0123456789abcdef.tmp"  # by a process that was killed
    for path in (*theirs, left):
        path.write_bytes(b"")
        os.utime(path, (0, 0))
    for number in range(4):
        CachedGraph(folder, f"weights {number}").write(b"compiled")
    assert all(path.exists() for path in theirs)
    assert not left.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_nothing_is_made_in_the_home_of_another_user(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)
    CachedGraph(home / ".cache" / "busicli", KEY).write(b"compiled")
    assert not list(home.iterdir())


def test_a_graph_too_large_is_not_kept(tmp_path):
    place = CachedGraph(tmp_path / "busicli", KEY)
    place.write(memoryview(bytes(2**28)))
    assert not place.folder.exists()


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    place = CachedGraph(tmp_path / "file" / "busicli", KEY)
    place.write(b"compiled")
    assert place.read() is None


def test_the_folder_is_the_users(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert str(cache_folder({})) == "/home/me/.cache/busicli"
    assert str(cache_folder({"XDG_CACHE_HOME": "here"})) == "/home/me/.cache/busicli"
    monkeypatch.setenv("HOME", ".")  # where scans may lie
    assert cache_folder({}) is None


def test_a_graph_that_cannot_be_exported_is_used_all_the_same(tmp_path, monkeypatch):
    import openvino

    def fail(_):
        raise RuntimeError("not implemented")

    monkeypatch.setattr(openvino.CompiledModel, "export_model", fail)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder, pinned = resolve_weights("improved-unet")
    assert choose_engine(EngineRequest(), folder, read_card(folder, pinned_sha256=pinned))[1] == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["none", "damage"])
def test_an_engine_from_the_cache_gives_the_very_same_maps(tmp_path, monkeypatch, change):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder, pinned = resolve_weights("improved-unet")
    card = read_card(folder, pinned_sha256=pinned)
    size = card.preprocess.size_px
    noise = np.random.default_rng(1).integers(0, 256, (2, size, size, 3), np.uint8)
    first = choose_engine(EngineRequest(), folder, card)[0].predict(noise).maps
    (kept,) = tmp_path.glob("busicli/*.graph")
    written = kept.stat()
    if change == "damage":
        with kept.open("r+b") as file:
            file.seek(10_000_000)
            file.write(b"damaged")
    again = choose_engine(EngineRequest(streams=2), folder, card)[0].predict(noise).maps
    assert np.array_equal(again, first)
    assert (kept.stat().st_ino == written.st_ino) == (change == "none")  # else written again
