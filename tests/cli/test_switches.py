import json
import re

import pytest

DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.mark.parametrize("switch", ["--quiet", "-q"])
def test_quiet_leaves_errors_and_json(call, scans, tmp_path, switch):
    ended = call("segment-dir", scans / "benign", "out", switch)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    ended = call("segment-dir", switch, "--json", scans / "benign", "out")
    assert {json.loads(line)["status"] for line in ended.out.splitlines()} == {"ok", "skipped"}
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "torn.png").write_bytes(b"torn")
    ended = call("segment-dir", switch, "bad", "failed")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.startswith("busicli: 1 scan failed, first torn.png: is not a scan; ")
    ended = call("segment-dir", switch, "nowhere", "out")
    assert ended.status == 1
    assert "there is no folder nowhere" in ended.err


def test_verbose_says_what_became_of_each_scan(run, scans, tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    (source / "a.png").symlink_to(scans / "benign" / "phantom-03.png")
    (source / "b.png").write_bytes(b"")
    ended = run("segment-dir", source, "out", "--verbose", cwd=tmp_path)
    assert ended.status == 3
    lines = [re.sub(rf"^{DATE} ", "", line) for line in ended.err.splitlines()]
    assert all(lines[i] != line for i, line in enumerate(ended.err.splitlines()))  # all are dated
    assert lines[0].startswith("Weights improved-unet, engine ")
    assert lines[1].startswith("a.png: 1 lesion, confidence 0.")
    assert lines[2].startswith("b.png: failed: ")


def test_settings_are_named_on_either_side_of_the_command(call, tmp_path):
    (tmp_path / "own.toml").write_text("[models.list]\njson = true\n")
    for line in (
        ("--settings", "own.toml", "models", "list"),
        ("models", "list", "--settings", "own.toml"),
    ):
        assert json.loads(call(*line).out)


def test_a_wrong_settings_file_does_not_keep_the_right_names_from_being_shown(call, tmp_path):
    (tmp_path / "busicli.toml").write_text("[segment-dir]\noverlay = no\n")
    assert call("models", "list").status == 2
    assert "[segment-dir]" in call("settings").out


def test_opposites_are_refused(call):
    assert call("-q", "-v", "models", "list").status == 2


@pytest.mark.parametrize("line", [("-q", "models", "list"), ("models", "list", "--quiet")])
def test_quiet_silences_every_command_but_the_text_of_a_file(call, line):
    ended = call(*line)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert "[segment-dir]" in call("-q", "settings").out
    assert json.loads(call(*line, "--json").out)


def test_a_settings_file_can_be_quiet_for_all_or_verbose_for_one(call, run, scans, tmp_path):
    (tmp_path / "busicli.toml").write_text("quiet = true\n[segment-dir]\nverbose = true\n")
    assert call("models", "list").out == ""
    first = tmp_path / "first"
    first.mkdir()
    (first / "a.png").symlink_to(scans / "benign" / "phantom-03.png")
    assert call("segment-dir", "first", "out").err == ""  # quiet, of both
    assert "a.png: 1 lesion" in run("segment-dir", "first", "o", "--verbose", cwd=tmp_path).err
    (tmp_path / "busicli.toml").write_text("quiet = 1\n")
    assert "quiet is 1; it must be true or false." in call("models", "list").err


def test_debug_changes_no_exit_status(call):
    ended = call("--debug", "eval", "--fold", "1")
    assert ended.status == 2
    assert "Traceback" in ended.err
    assert ended.err.endswith("busicli: --fold needs --folds, how many there are.\n")


def test_what_the_system_does_not_allow_is_no_error_of_the_program(call):
    ended = call("models", "new", "x", "--out", "/proc/nowhere")
    assert ended.status == 1
    assert ended.err == (
        "busicli: /proc/nowhere: No such file or directory; free disk space, or correct the path "
        "or its permissions.\n"
    )


def test_after_two_dashes_a_switch_is_a_name(call, tmp_path):
    ended = call("segment-dir", "--", "-q", "out")
    assert "there is no folder -q" in ended.err


def test_a_switch_of_the_file_is_undone_on_the_line(call, scans, tmp_path):
    (tmp_path / "busicli.toml").write_text(
        "[segment-dir]\njson = true\nsave-probabilities = true\n"
    )
    common = ("segment-dir", scans / "benign")
    assert call(*common, "out").out.startswith("{")
    assert (tmp_path / "out" / "probabilities").is_dir()
    assert not call(*common, "other", "--no-json", "--no-save-probabilities").out.startswith("{")
    assert not (tmp_path / "other" / "probabilities").exists()
