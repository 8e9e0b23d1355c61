import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from busicli.errors import BusicliError, InputError
from busicli.io.files import (
    MAX_DEPTH,
    atomic_directory,
    atomic_write,
    atomic_write_unsynced,
    parse_json,
    remove_leftovers,
    sha256_bytes,
    sha256_file,
    sync_file_system,
    walk,
)

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of no bytes, as published."""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_hash_of_bytes_and_of_a_file_agree(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(data)
    assert sha256_file(tmp_path / "file") == sha256_bytes(data)
    assert sha256_bytes(b"") == EMPTY


@pytest.mark.parametrize("write", [atomic_write, atomic_write_unsynced])
def test_a_file_is_written_and_replaced_with_its_parents(tmp_path, write):
    path = tmp_path / "new" / "folder" / "file.txt"
    write(path, b"first")
    write(path, b"second")
    assert path.read_bytes() == b"second"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "it names a twice"),
        ('[{"b": {"x\\u000a": 1, "x\\n": 2}}]', "it names x%0A twice"),
        ('{"a": [1, ', "it is no JSON"),
        (b"\xff", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_json_that_programs_would_read_differently_is_refused(text, reason):
    with pytest.raises(InputError, match=reason):
        parse_json(text)


def test_json_is_read():
    assert parse_json('{"a": {"b": 1}, "b": [1e3, null]}') == {"a": {"b": 1}, "b": [1000.0, None]}


def test_a_name_as_long_as_the_file_system_allows_is_written(tmp_path):
    path = tmp_path / ("x" * 255)
    atomic_write(path, b"data")
    assert path.read_bytes() == b"data"


@pytest.mark.parametrize("write", [atomic_write, atomic_write_unsynced])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, write):
    path = tmp_path / "file"
    write(path, b"old")
    with pytest.raises(TypeError):
        write(path, "no bytes")
    with pytest.raises(IsADirectoryError):
        write(tmp_path, b"a folder stands here")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]
    assert names(tmp_path.parent).count(tmp_path.name) == 1


def test_a_file_system_is_flushed_or_its_error_raised(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        sync_file_system(file.fileno())
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_file_system(10**6)  # no open file has this number


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path):
    # The process is killed over and over; whatever it was doing, the file is one of its versions.
    path = tmp_path / "file"
    code = (
        "import sys; from pathlib import Path; from busicli.io.files import atomic_write\n"
        "n = 0\n"
        "while True:\n"
        "    atomic_write(Path(sys.argv[1]), bytes([n % 256]) * 3_000_000)\n"
        "    n += 1; print(flush=True)"
    )
    for delay_lines in (1, 3):
        with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as writer:
            for _ in range(delay_lines):
                writer.stdout.readline()
            writer.kill()
        data = path.read_bytes()
        assert len(data) == 3_000_000
        assert len(set(data)) == 1


def test_files_and_folders_get_the_users_own_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        atomic_write(tmp_path / "file", b"")
        with atomic_directory(tmp_path / "folder", marker="mark"):
            pass
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o640  # 666 without 027
    assert mode(tmp_path / "folder") == 0o750  # 777 without 027


def test_writing_on_many_threads_never_touches_the_processs_umask(tmp_path):
    before, interval = os.umask(0o022), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads change places as often as they can
    start = threading.Barrier(8)

    def write_some(number: int) -> None:
        start.wait()
        for turn in range(40):
            atomic_write(tmp_path / f"{number}-{turn}", b"")

    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write_some, range(8)))
    finally:
        sys.setswitchinterval(interval)
        assert os.umask(before) == 0o022
    assert {mode(path) for path in tmp_path.iterdir()} == {0o644}


def test_a_folder_appears_when_its_block_ends(tmp_path):
    target = tmp_path / "data"
    with atomic_directory(target, marker="mark") as scratch:
        (scratch / "mark").write_text("new")
        assert not target.exists()
    assert names(tmp_path) == ["data"]
    assert (target / "mark").read_text() == "new"


@pytest.mark.parametrize("stopped_by", [ValueError, KeyboardInterrupt])
def test_a_folder_whose_block_fails_leaves_nothing(tmp_path, stopped_by):
    def stopped_half_way() -> None:
        with atomic_directory(tmp_path / "data", marker="mark") as scratch:
            (scratch / "half").write_text("")
            raise stopped_by

    with pytest.raises(stopped_by):
        stopped_half_way()
    assert names(tmp_path) == []


def test_an_older_folder_of_ours_is_replaced_whole_or_kept(tmp_path):
    target = tmp_path / "data"
    with atomic_directory(target, marker="mark") as scratch:
        (scratch / "mark").write_text("old")
        (scratch / "only in old").write_text("")
    with pytest.raises(ValueError), atomic_directory(target, marker="mark"):  # noqa: PT011
        raise ValueError
    assert names(target) == ["mark", "only in old"]
    with atomic_directory(target, marker="mark") as scratch:
        (scratch / "mark").write_text("new")
    assert names(target) == ["mark"]
    assert names(tmp_path) == ["data"]


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "data").mkdir()
    with atomic_directory(tmp_path / "data", marker="mark") as scratch:
        (scratch / "mark").write_text("new")
    assert names(tmp_path / "data") == ["mark"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_a_stranger_put_there_is_left_alone(tmp_path, kind):
    target = tmp_path / "thesis"
    if kind == "folder":
        target.mkdir()
        (target / "chapter").write_text("years of work")
    else:
        target.write_text("years of work")
    with (
        pytest.raises(BusicliError, match="did not make it"),
        atomic_directory(target, marker="mark"),
    ):
        pytest.fail("the block must not begin")
    kept = target / "chapter" if kind == "folder" else target
    assert kept.read_text() == "years of work"
    assert names(tmp_path) == ["thesis"]


def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for target in (Path(), tmp_path):
        with (
            pytest.raises(BusicliError, match="current folder"),
            atomic_directory(target, marker="mark"),
        ):
            pass


def test_leftovers_of_another_run_further_below_are_not_removed(tmp_path):
    own, other = ".busicli-0123456789abcdef.tmp", "sub/out/masks/.busicli-fedcba9876543210.tmp"
    for name in (own, f"masks/a/{own}", ".busicli/lock", "sub/out/.busicli/lock", other):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.tmp")] == [Path(other).name]


def test_a_tree_is_walked_so_deep_and_what_is_deeper_is_reported(tmp_path, deep_folder):
    errors = []
    found = [here for here, _, _ in walk(tmp_path, errors.append)]
    assert len(found) == MAX_DEPTH + 1
    assert [(error.filename, error.strerror) for error in errors] == [
        (str(found[-1] / "d"), "it lies more than 100 folders deep")
    ]
    remove_leftovers(tmp_path)
