import base64
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from busicli.errors import InputError
from busicli.report.links import links_below
from busicli.report.write import MOST_INLINE, write_report
from tests.made_results import done, not_done, write_images, write_run
from tests.report.page_data import data_of

NAMES_OF_ALL_KINDS = (
    b"two words.png",
    b"100%.png",
    b"a%41.png",
    b"a#b?c=d&e.png",
    b"quotes'\".png",
    "Ω-größe 乳房.png".encode(),
    b"caf\xe9.png",
    b"line\nbreak.png",
    b"<img src=x onerror=alert(1)>.png",
    b"folder/in folder.png",
)


def target(out: Path, link: str) -> Path:
    """The file that a browser would open for a relative link."""
    return out / os.fsdecode(unquote_to_bytes(link))


def test_links_lead_to_the_very_files_whatever_they_are_called(tmp_path):
    out = tmp_path / "out"
    for name in NAMES_OF_ALL_KINDS:
        write_images(out, name)
    rows = [done(os.fsdecode(name)) for name in NAMES_OF_ALL_KINDS]
    scans = data_of(write_report(write_run(out, rows)))["scans"]
    for name, scan in zip(NAMES_OF_ALL_KINDS, scans, strict=True):
        (frame,) = scan["frames"]
        links = {kind: frame[kind] for kind in ("mask", "overlay", "thumbnail")}
        assert {kind: os.fsencode(target(out, link)) for kind, link in links.items()} == {
            "mask": os.fsencode(out) + b"/masks/" + name,
            "overlay": os.fsencode(out) + b"/overlays/" + name,
            "thumbnail": os.fsencode(out) + b"/thumbnails/" + name + b".jpg",
        }
        for link in links.values():
            assert target(out, link).is_file()
            assert re.fullmatch(r"[\w.~%/-]+", link, re.ASCII)


def test_a_written_name_that_stands_for_two_files_is_linked_to_neither(tmp_path):
    for name in (b"caf\xe9.png", b"caf%E9.png", b"plain.png"):
        write_images(tmp_path, name)
    link = links_below(tmp_path, "masks")
    assert (link("plain.png"), link("caf%E9.png")) == ("masks/plain.png", "")


def test_overlays_of_an_earlier_run_are_not_shown(tmp_path):
    write_images(tmp_path, "a.png")
    page = write_report(write_run(tmp_path, [done("a.png")], outputs=("masks", "thumbnails")))
    assert set(data_of(page)["scans"][0]["frames"][0]) == {"mask", "mask_sha256", "thumbnail"}


def test_scans_without_images_are_shown_without_links(tmp_path):
    page = write_report(write_run(tmp_path, [done("a.png")]))
    assert data_of(page)["scans"][0]["frames"] == [{"mask_sha256": "0" * 64}]


def test_inline_holds_the_thumbnails_and_links_to_nothing(tmp_path):
    out = tmp_path / "out"
    write_images(out, b"caf\xe9.png")
    write_run(out, [done(os.fsdecode(b"caf\xe9.png")), not_done("b.png")])
    page = write_report(out, inline=True)
    (frame,) = data_of(page)["scans"][0]["frames"]
    assert set(frame) == {"mask_sha256", "thumbnail"}
    kind, _, data = frame["thumbnail"].partition(",")
    assert kind == "data:image/jpeg;base64"
    stored = target(out, "thumbnails/caf%E9.png.jpg").read_bytes()
    assert base64.b64decode(data) == stored


def test_inline_takes_500_scans_and_no_more(tmp_path):
    skipped = [not_done(f"{n}.txt", status="skipped") for n in range(9)]  # no scans
    rows = [done(f"{n}.png") for n in range(MOST_INLINE)]
    assert len(data_of(write_report(write_run(tmp_path, rows + skipped), inline=True))["scans"])
    with pytest.raises(InputError, match=r"holds 501 scans .* leave out --inline"):
        write_report(write_run(tmp_path, [*rows, not_done("broken.png")]), inline=True)


def test_inline_counts_each_frame(tmp_path):
    rows = [done(f"{n}.dcm", frames=100) for n in range(6)]
    with pytest.raises(InputError, match="holds 600 scans"):
        write_report(write_run(tmp_path, rows), inline=True)
