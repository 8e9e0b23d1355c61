import json
import shutil
import signal

import pytest
from PIL import Image

from tests.segmented import copied, lasting_rows, pixels, results, stamps


def test_a_lost_thumbnail_is_made_again(segment, scans, tmp_path):
    segment(copied(scans, tmp_path / "few", 3, 4), "out")
    (lost,) = (tmp_path / "out").glob("thumbnails/*03*.jpg")
    lost.unlink()
    assert "2 scans segmented (0 new, 2 in an earlier run)" in segment("few", "out").out
    assert lost.is_file()


def test_images_come_and_go_without_a_new_segmentation(segment, scans, tmp_path, tree):
    source, out = copied(scans, tmp_path / "scans", 3, 20), tmp_path / "out"
    frames = [Image.open(path) for path in sorted(scans.glob("benign/*[0-9].png"))[:2]]
    frames[0].save(source / "sweep.tif", save_all=True, append_images=frames[1:])
    segment(source, "out")
    before, written = tree(out), stamps(out)
    without = segment(source, "out", "--no-overlays", "--no-report")
    assert "3 scans segmented (0 new, 3 in an earlier run)" in without.out
    assert {path.name for path in out.iterdir()} == {
        *(".busicli", "lesions.csv", "manifest.jsonl", "masks", "run.json")
    }
    again = segment(source, "out", "--json")
    assert [json.loads(line)["new"] for line in again.out.splitlines()] == [False] * 3
    assert stamps(out) == written
    after = tree(out)
    images = [name for name in before if name.startswith(("overlays", "thumbnails"))]
    assert len(images) == 8  # of two scans and two frames
    assert all(after[name] == before[name] for name in images)


def test_masks_without_a_scan_are_counted_and_removed_when_asked_for(segment, scans, tmp_path):
    source, out = copied(scans, tmp_path / "scans", 3, 14, 20), tmp_path / "out"
    (source / "sub").mkdir()
    (source / "phantom-20.png").rename(source / "sub" / "x.png")
    segment(source, "out")
    (source / "phantom-14.png").unlink()
    shutil.rmtree(source / "sub")
    (out / "masks" / "by-hand.png").write_bytes(b"a person's")
    other = ("--views", "whole")  # other settings: a new journal
    gone = "2 masks of earlier runs belong to no scan of this one"
    for options in ((), other):
        ended = segment(source, "out", *options)
        assert f"{gone}: --prune removes such masks." in ended.out
    planned = segment(source, "out", *other, "--prune", "--dry-run")
    assert f"{gone}: to be removed." in planned.out
    assert (out / "masks" / "sub" / "x.png").is_file()
    assert f"{gone}: removed." in segment(source, "out", *other, "--prune").out
    files = {path.relative_to(out).as_posix() for path in out.glob("*/**/*.png*")}
    name = "phantom-03.png"
    assert files == {
        *("masks/by-hand.png", f"masks/{name}", f"overlays/{name}"),
        *(f"images/{name}", f"thumbnails/{name}.jpg"),
    }
    assert not (out / "masks" / "sub").exists()
    assert "earlier runs" not in segment(source, "out", *other).out


def test_only_what_changed_is_done_again(segment, scans, tmp_path, tree):
    few = copied(scans, tmp_path / "few", 3, 4, 5, 9, 14, 15)
    out = tmp_path / "out"
    segment(few, "out")
    before, written = results(out, tree), stamps(out)
    (out / "masks" / "phantom-05.png").unlink()
    (out / "overlays" / "phantom-03.png").unlink()
    Image.new("L", (3, 3)).save(out / "masks" / "phantom-09.png")  # spoilt by someone
    shutil.copy(scans / "normal" / "phantom-20.png", few / "phantom-14.png")
    (few / "phantom-15.png").unlink()
    assert segment(few, "out").status == 0
    after, stamped = results(out, tree), stamps(out)
    for name in ("overlays/phantom-03.png", "masks/phantom-05.png", "masks/phantom-09.png"):
        assert after[name] == before[name]
    kept, changed = out / "masks" / "phantom-04.png", out / "masks" / "phantom-14.png"
    assert stamped[str(kept)] == written[str(kept)]
    assert pixels(changed).shape == pixels(few / "phantom-14.png").shape
    assert [row["scan"] for row in lasting_rows(out)] == [
        f"phantom-{n:02d}.png" for n in (3, 4, 5, 9, 14)
    ]


def test_a_failed_scan_is_tried_again(segment, scans, tmp_path):
    few = copied(scans, tmp_path / "few", 3, 14)
    whole = (few / "phantom-14.png").read_bytes()
    (few / "phantom-14.png").write_bytes(whole[:3000])
    assert segment(few, "out").status == 3
    (few / "phantom-14.png").write_bytes(whole)
    assert segment(few, "out").status == 0
    assert [row["status"] for row in lasting_rows(tmp_path / "out")] == ["ok", "ok"]


@pytest.fixture(scope="module")
def night(tmp_path_factory, scans, study, run):
    """A longer job: three copies of the phantoms, and what an uninterrupted run makes of them."""
    folder = tmp_path_factory.mktemp("night")
    for copy in "abc":
        shutil.copytree(scans, folder / "scans" / copy)
    run("segment-dir", "scans", "whole", "--weights", study.weights, cwd=folder)
    return folder


@pytest.fixture
def started(start, study, night):
    """Begin the long job so that it waits in the middle: it prints more than its small pipe holds.

    150 rows of about 200 bytes do not fit into 4096; only what a test reads makes room.
    """
    started = []

    def begin(out: str):
        process = start(
            *("segment-dir", "scans", out, "--weights", study.weights, "--json"),
            cwd=night,
            pipesize=4096,
        )
        process.stdin.close()
        started.append(process)
        return process, process.stdout.readline()

    yield begin
    for process in started:
        with process:
            process.kill()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_stopped_run_leaves_whole_tables_and_resumes_to_the_same_bytes(
    started, night, segment, tree, number, status
):
    out = night / f"stopped-{status}"
    process, first = started(out.name)
    process.send_signal(number)
    rest, err = process.stdout.read(), process.stderr.read()
    assert process.wait() == status
    assert b"Traceback" not in err
    printed = [json.loads(line) for line in (first + rest).splitlines()]
    rows = lasting_rows(out)
    assert 0 < len(rows) < 150
    assert [row["scan"] for row in printed] == [row["scan"] for row in rows]
    assert rows == lasting_rows(night / "whole")[: len(rows)]
    record = json.loads((out / "run.json").read_text())
    assert record["exit_status"] == status
    assert record["counts"]["pending"] == 150 - len(rows)
    masks = {mask["path"] for row in rows for mask in row.get("masks", ())}
    assert {name for name in tree(out) if name.startswith("masks/")} == masks
    assert not list(out.rglob("*.tmp"))
    assert segment(night / "scans", out).status == 0
    assert results(out, tree) == results(night / "whole", tree)


def test_a_second_job_on_the_same_out_is_refused_and_a_killed_one_lets_go(
    started, night, segment, tree
):
    out = night / "locked"
    process, _ = started(out.name)
    refused = segment(night / "scans", out)
    assert refused.status == 1
    assert f"process {process.pid} on " in refused.err
    assert not (out / "manifest.jsonl").exists()  # nothing was written beside the first job
    process.kill()
    process.wait()
    assert segment(night / "scans", out).status == 0
    assert results(out, tree) == results(night / "whole", tree)


def test_a_reader_that_goes_away_ends_the_job_without_blaming_the_folder(started, night):
    process, _ = started("piped")
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait() == 1
    assert "cannot be written" not in err
    assert "Traceback" not in err


def test_what_an_earlier_run_made_does_not_stand_beside_other_results(segment, scans, tmp_path):
    source = copied(scans, tmp_path / "scans", 1, 2)
    assert segment(source, "out").status == 0
    yesterday = tmp_path / "out" / "masks" / "yesterday.png"
    shutil.copy(tmp_path / "out" / "masks" / "phantom-01.png", yesterday)  # of another list
    (source / "phantom-01.png").write_bytes(b"cut short")
    ended = segment(source, "out", "--no-overlays", "--no-report")
    assert ended.status == 3
    out = tmp_path / "out"
    assert not any(list(out.glob(f"{folder}/*")) for folder in ("overlays", "thumbnails"))
    assert not (out / "report.html").exists()
    assert sorted(path.name for path in out.glob("masks/*")) == ["phantom-02.png", "yesterday.png"]
    assert "Results in out: masks/, lesions.csv" in ended.out


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_what_is_not_ours_is_never_written_over(segment, scans, tmp_path, tree, options):
    """A data set's reference masks, say, beside its scans."""
    source = copied(scans, tmp_path / "set" / "images", 1)
    (tmp_path / "set" / "masks").mkdir()
    (tmp_path / "set" / "masks" / "phantom-01.png").write_bytes(b"theirs")
    before = tree(tmp_path)
    ended = segment(source, "set", *options)
    assert ended.status == 1
    assert "set holds masks that busicli did not make; name another folder." in ended.err
    assert tree(tmp_path) == before


def test_a_scan_that_had_several_frames_and_has_one_is_done_in_the_end(segment, scans, tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    frames = [Image.open(scans / "benign" / f"phantom-0{n}.png").convert("L") for n in (3, 5)]
    # the content decides what a file is, here a TIFF of two frames
    frames[0].save(source / "x.png", "TIFF", save_all=True, append_images=frames[1:])
    assert segment(source, "out").status == 0
    assert (tmp_path / "out/masks/x.png/0002.png").is_file()
    frames[0].save(source / "x.png", "PNG")
    statuses = [segment(source, "out").status for _ in range(2)]
    assert statuses[-1] == 0
    assert (tmp_path / "out/masks/x.png").is_file()
