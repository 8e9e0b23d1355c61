import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from busicli.io.images import YELLOW
from tests.dicom_maker import region, ultrasound


def test_the_image_is_the_scan_with_its_contour(call, phantom_file):
    ended = call("show", phantom_file, "--out", "look.png")
    assert ended.status == 0
    image, scan = np.asarray(Image.open("look.png")), Image.open(phantom_file).convert("RGB")
    drawn = (image == YELLOW).all(axis=2)
    assert drawn.any()
    assert (image[~drawn] == np.asarray(scan)[~drawn]).all()
    assert "1 lesion" in ended.out
    assert "Millimetres: none: the image's spacing was not given." in ended.out


def test_it_shows_what_segment_dir_writes(call, phantom_file):
    call("show", phantom_file, "--out", "look.png")
    call("segment-dir", phantom_file.parent, "out")
    drawn = (np.asarray(Image.open("look.png")) == YELLOW).all(axis=2)
    overlay = np.asarray(Image.open(Path("out/overlays") / phantom_file.name).convert("RGB"))
    assert ((overlay == YELLOW).all(axis=2) == drawn).all()


def test_millimetres_where_they_are_known(call, phantom_file):
    ended = call("show", phantom_file, "--out", "look.png", "--pixel-spacing", "0.1,0.1")
    assert " mm2 in area" in ended.out


def test_one_frame_of_a_cine(call, phantom_file, tmp_path):
    still = np.asarray(Image.open(phantom_file).convert("L"))
    whole = region((0, 0, still.shape[0] - 1, still.shape[1] - 1), 0.01, 0.01)
    cine = tmp_path / "cine"
    cine.write_bytes(ultrasound(np.stack([still, still[:, ::-1]]), regions=[whole]))
    ended = call("show", cine, "--out", "look.png", "--frame", 2)
    assert ended.out.splitlines()[1].startswith("Frame 2 of 2: ")
    assert "ultrasound regions of the file" in ended.out
    image = np.asarray(Image.open("look.png"))
    assert (image[0] == np.repeat(still[:, ::-1][0, :, None], 3, axis=1)).all()
    too_many = call("show", cine, "--out", "look.png", "--frame", 3)
    assert too_many.status == 1
    assert "has 2 frames; there is no frame 3" in too_many.err


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [("nothing.png", None, "cannot be read"), ("text.png", b"no image", "is not a scan")],
)
def test_what_cannot_be_shown_is_one_sentence(call, tmp_path, name, data, sentence):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    ended = call("show", name, "--out", "look.png")
    assert ended.status == 1
    assert sentence in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not Path("look.png").exists()


def test_where_no_image_can_be_shown_a_file_must_be_named(call, phantom_file):
    ended = call("show", phantom_file)
    assert ended.status == 2
    assert "--out" in ended.err


@pytest.mark.parametrize("sixel", [True, False])
def test_in_a_terminal_that_draws_the_image_is_drawn(phantom_file, sixel):
    """A terminal that answers what it can do as xterm does, with and without Sixel."""
    answer = b"\x1b[?62;4;22c" if sixel else b"\x1b[?62;22c"
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 800, 480))
    # not by pty.fork(): the libraries loaded here, with their threads, may crash a forked process
    command = ["setsid", "--ctty", sys.executable, "-m", "busicli", "show", phantom_file]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    while select.select([master], [], [], 60)[0]:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other side has closed
            break
        if b"\x1b[c" in part:
            os.write(master, answer)
        if b"\x1b[14t" in part or b"\x1b[16t" in part:
            os.write(master, b"\x1b[6;20;10t")
        if b"\x1b_G" in part:
            os.write(master, b"\x1b[?62;22c")
        shown += part
        if not part:
            break
    os.close(master)
    assert process.wait() == (0 if sixel else 2), shown
    assert (b"\x1bPq" in shown or b"\x1bP0" in shown) == sixel


@pytest.mark.parametrize("name", ["scan.png", ".", "look.jpg"])
def test_nothing_else_is_overwritten_by_the_image(call, phantom_file, tmp_path, name):
    scan = tmp_path / "scan.png"
    scan.write_bytes(phantom_file.read_bytes())
    ended = call("show", scan, "--out", name)
    assert (ended.status, "--out is" in ended.err) == (2, True)
    assert scan.read_bytes() == phantom_file.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["scan.png"]
