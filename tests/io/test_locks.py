import errno
import os
import subprocess
import sys

import pytest

from busicli.errors import BusicliError
from busicli.io.locks import folder_lock


def test_a_locked_folder_is_refused_at_once_and_names_the_holder(tmp_path):
    folder = tmp_path / "own"
    with folder_lock(folder):
        with (
            pytest.raises(BusicliError, match=f"^process {os.getpid()} on .* is writing"),
            folder_lock(folder),
        ):
            pytest.fail("the block must not begin")
        # being refused must not have let go of the first lock
        with pytest.raises(BusicliError), folder_lock(folder):
            pytest.fail("the block must not begin")
    with folder_lock(folder):
        assert (folder / "holder").is_file()
    assert not (folder / "holder").exists()


def test_the_lock_goes_with_a_process_that_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from busicli.io.locks import folder_lock\n"
        "with folder_lock(Path(sys.argv[1])): print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with (
            pytest.raises(BusicliError, match=f"^process {holder.pid} "),
            folder_lock(tmp_path),
        ):
            pytest.fail("the block must not begin")
        holder.kill()
    with folder_lock(tmp_path):
        assert str(os.getpid()) in (tmp_path / "holder").read_text()


def test_a_lock_without_effect_is_reported_and_a_real_one_is_not(tmp_path, monkeypatch, caplog):
    with folder_lock(tmp_path):
        assert caplog.messages == []
    monkeypatch.setattr("fcntl.flock", lambda *_: None)  # as some network drives do
    with folder_lock(tmp_path):
        assert caplog.messages == [
            f"The file system of {tmp_path} does not keep locks: make sure that only one run "
            "writes there."
        ]


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_one_sentence(tmp_path, monkeypatch, reason):
    def none_left(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr("fcntl.flock", none_left)
    with pytest.raises(BusicliError, match=r"grants no lock \(E\w+\); start its lock service"):
        folder_lock(tmp_path).__enter__()


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"x" * 10**6])
def test_a_damaged_note_of_the_holder_is_no_obstacle(tmp_path, data):
    with folder_lock(tmp_path):
        (tmp_path / "holder").write_bytes(data)
        with pytest.raises(BusicliError, match="is writing into this folder") as error:
            folder_lock(tmp_path).__enter__()
        assert len(str(error.value)) < 300
