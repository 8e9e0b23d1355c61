import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from busicli.batch.tables import keep_card
from busicli.errors import InputError
from busicli.io.run_record import WeightsUsed
from busicli.report.write import write_report
from tests.made_results import done, lesion, not_done, write_run
from tests.report.page_data import data_of, text_of


def test_of_too_many_scans_the_worst_are_shown_and_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("busicli.report.write.MOST_SHOWN", 2)
    rows = [
        done("unsure.png", confidence=0.3),
        done("sure.png", confidence=0.99),
        not_done("broken.png"),
        done("fair.png", confidence=0.7),
    ]
    page = write_report(write_run(tmp_path, rows))
    assert [scan["name"] for scan in data_of(page)["scans"]] == ["unsure.png", "broken.png"]
    assert "4 files are too many for a page: it shows the 2 " in data_of(page)["page"]["notes"][0]


@pytest.fixture
def weights(tmp_path) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    scans = [["pixels hash of a scan", "phash"]] * 3
    (folder / "card.json").write_text(json.dumps({"name": "tiny", "training_scans": scans}))
    return folder


def test_the_weights_card_is_shown_from_its_copy_without_the_list_of_scans(tmp_path, weights):
    digest = hashlib.sha256((weights / "card.json").read_bytes()).hexdigest()
    named = WeightsUsed(name="no such weights", card_sha256=digest, files={})
    out = write_run(tmp_path / "out", [], weights=named)
    keep_card(out, (weights / "card.json").read_bytes())
    page = write_report(out)
    documents = dict(data_of(page)["page"]["documents"])
    assert documents["Run"]["weights"] == asdict(named)
    assert documents["Weights' card"]["name"] == "tiny"
    assert "pixels hash of a scan" not in text_of(page)


def test_another_card_of_the_same_name_is_not_shown(tmp_path, weights):
    named = WeightsUsed(name=str(weights), card_sha256="0" * 64, files={})
    out = write_run(tmp_path / "out", [], weights=named)
    keep_card(out, (weights / "card.json").read_bytes())
    assert dict(data_of(write_report(out))["page"]["documents"])["Weights' card"] == {}


def test_the_same_results_give_the_same_bytes(tmp_path):
    rows = [done("a.png", [lesion()]), not_done("b.png")]
    first = write_report(write_run(tmp_path, rows)).read_bytes()
    slower = [replace(rows[0], milliseconds=99.9), rows[1]]
    assert write_report(write_run(tmp_path, slower)).read_bytes() == first


def test_a_run_without_a_scan_has_a_page(tmp_path):
    assert data_of(write_report(write_run(tmp_path, [])))["scans"] == []


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no manifest\.jsonl .* segment-dir or eval"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_tables_of_two_runs_are_refused_and_an_earlier_page_stays(tmp_path):
    write_run(tmp_path, [done("a.png", [lesion()])])
    page = write_report(tmp_path)
    before = page.read_bytes()
    lesions = (tmp_path / "lesions.csv").read_text()
    write_run(tmp_path, [done("b.png", [lesion()])])
    (tmp_path / "lesions.csv").write_text(lesions)
    with pytest.raises(InputError, match="are not of one run"):
        write_report(tmp_path)
    assert page.read_bytes() == before
    (tmp_path / "manifest.jsonl").write_text("")  # lesions of no scan at all
    with pytest.raises(InputError, match="are not of one run"):
        write_report(tmp_path)


@pytest.mark.parametrize("line", ["{", "[]", '{"scan": "a.png"}', "\x00"])
def test_a_damaged_manifest_is_refused(tmp_path, line):
    write_run(tmp_path, [])
    (tmp_path / "manifest.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=r"manifest\.jsonl is damaged"):
        write_report(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_record_is_refused(tmp_path, text):
    write_run(tmp_path, [])
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("was", "now"), [('"path"', '"place"'), ("0.9", "NaN"), ('"masks/', '"masks/../../')]
)
def test_rows_of_another_kind_are_refused(tmp_path, was, now):
    write_run(tmp_path, [done("a.png")])
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace(was, now))
    with pytest.raises(InputError, match=r"manifest\.jsonl is damaged"):
        write_report(tmp_path)


def test_the_command_writes_the_page_and_says_where(call, tmp_path):
    write_run(tmp_path / "out", [done("a.png")])
    ended = call("report", "out")
    assert ended.status == 0
    assert ended.out.startswith("Written: out/report.html\n")
    assert "Not a medical device" in ended.out
    ended = call("report", "out", "--inline")
    assert ended.status == 0


def test_the_command_refuses_a_folder_without_results(call, tmp_path):
    ended = call("report", "nowhere")
    assert ended.status == 1
    assert "nowhere holds no manifest.jsonl" in ended.err
    assert not (tmp_path / "nowhere").exists()
