import base64
import hashlib
import json
import os
import re
from dataclasses import asdict, replace
from importlib.resources import files as package_files
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from busicli.batch.tables import keep_card
from busicli.errors import InputError
from busicli.io.run_record import WeightsUsed
from busicli.io.scan_results import DicomFile
from busicli.report.links import links_below
from busicli.report.write import MOST_INLINE, write_report
from busicli.types import ClassProbabilities, FrameView
from tests.made_results import done, in_mm, lesion, not_done, write_images, write_run, write_scores

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
MARKUP = "</script><script>alert(1)</script><!--.png"
"""A disk can hold it: folders `<` and `script><script>alert(1)<`, a file `script><!--.png`."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def data_of(page: Path) -> dict:
    """What the page's script gets to read."""
    text = text_of(page)
    data, details = (
        re.search(rf'id="{name}">(.*?)</script>', text, re.DOTALL)[1]
        for name in ("data", "details")
    )
    found = json.loads(data)
    for scan, line in zip(found["scans"], details.splitlines(), strict=True):
        scan.update(json.loads(line))
        if "thumbnail" in scan:
            scan["frames"][scan.get("first", 0)]["thumbnail"] = scan.pop("thumbnail")
    return found


def scans_of(page: Path) -> list[dict]:
    """The scans in the order in which they are looked at."""
    return sorted(data_of(page)["scans"], key=lambda scan: scan["urgency"])


def names_of(page: Path) -> list[str]:
    return [scan["name"] for scan in scans_of(page)]


def target(out: Path, link: str) -> Path:
    """The file that a browser would open for a relative link."""
    return out / os.fsdecode(unquote_to_bytes(link))


# --- which scans come first


def test_failed_scans_come_first_then_those_for_review_then_by_rising_confidence(tmp_path):
    rows = [
        done("sure.png", confidence=0.99),
        not_done("notes.txt", status="skipped"),
        done("unsure.png", confidence=0.3),
        done("fair.png", confidence=0.7),
        not_done("broken.png"),
        done("very unsure.png", confidence=0.1),
    ]
    page = write_report(write_run(tmp_path, rows))
    assert names_of(page) == [
        *("broken.png", "very unsure.png", "unsure.png", "fair.png", "sure.png", "notes.txt")
    ]
    badges = {scan["name"]: scan["badge"]["text"] for scan in scans_of(page) if "badge" in scan}
    assert badges == {
        "broken.png": "failed",
        "very unsure.png": "low confidence",
        "unsure.png": "low confidence",
        "notes.txt": "skipped",
    }


def test_without_a_confidence_scans_keep_their_order_and_the_page_says_why(tmp_path):
    rows = [done("b.png", confidence=None), done("a.png", confidence=None), not_done("c.png")]
    page = write_report(write_run(tmp_path, rows, confidence=None))
    assert names_of(page) == ["c.png", "b.png", "a.png"]
    reported = data_of(page)["page"]
    assert reported["histograms"] == []
    assert "give no confidence" in reported["notes"][0]


def test_the_histogram_marks_where_review_begins(tmp_path):
    reported = data_of(write_report(write_run(tmp_path, [done("a.png")])))["page"]
    assert reported["histograms"] == [
        {
            "value": "confidence",
            "label": "Confidence",
            "mark": 0.6,
            "mark_label": "review below 0.60",
        }
    ]
    assert reported["notes"] == []


def test_scans_that_this_run_segmented_pass_the_filter_for_new_ones(tmp_path):
    kept = replace(done("kept.png", confidence=0.1), new=False)
    page = write_report(write_run(tmp_path, [done("new.png"), kept, not_done("c.png")]))
    assert ["new", "New"] in data_of(page)["page"]["filters"]
    assert [scan["name"] for scan in scans_of(page) if "new" in scan["tags"]] == ["new.png"]


def test_a_run_that_was_stopped_says_how_much_is_left(tmp_path):
    page = write_report(write_run(tmp_path, [done("a.png")], inputs=1201, pending=1200))
    assert "1,200 files remain" in data_of(page)["page"]["notes"][0]


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


# --- what is said of a scan


def test_a_card_says_what_was_found_in_millimetres_where_they_are_known(tmp_path):
    rows = [
        done("empty.png"),
        done("one.png", [lesion(long_axis_px=90.4, short_axis_px=33.3)]),
        done("two.png", [lesion(area_px=300), lesion(2, area_px=9)]),
        done("known.png", [lesion(millimetres=in_mm(14.24, 9.0))]),
        done("cine.dcm", [lesion(1, 1), lesion(1, 2)], frames=3),
    ]
    scans = data_of(write_report(write_run(tmp_path, rows)))["scans"]
    lines = {scan["name"]: scan["line"] for scan in scans}
    assert lines == {
        "empty.png": "no lesion",
        "one.png": "90 \N{MULTIPLICATION SIGN} 33 px",
        "two.png": "2 lesions, 18 \N{MULTIPLICATION SIGN} 18 px",  # 18.5, to the even number
        "known.png": "14.2 \N{MULTIPLICATION SIGN} 9.0 mm",
        "cine.dcm": "3 frames, 18 \N{MULTIPLICATION SIGN} 18 px",
    }
    sizes = {scan["name"]: scan.get("size") for scan in scans}
    assert sizes["known.png"] == [1, 14.24]  # of millimetres
    assert sizes["one.png"] == [0, 90.4]  # of pixels
    assert sizes["empty.png"] is None


def test_every_measurement_is_there_with_its_unit_and_millimetres_come_first(tmp_path):
    known = in_mm(14.24, 9.0)
    rows = [done("a.png", [lesion(millimetres=known, circularity=0.8123, touches_border=True)])]
    data = data_of(write_report(write_run(tmp_path, rows)))
    measures = [tuple(measure) for measure in data["page"]["measures"]]
    (found,) = data["scans"][0]["frames"][0]["lesions"]
    shown = dict(zip(measures, found, strict=True))
    assert measures[0] == ("Long axis", "mm")
    assert shown["Long axis", "mm"] == "14.2"
    assert shown["Depth", "mm"] == ""
    assert shown["Area", "px"] == "256"
    assert shown["Circularity", ""] == "0.81"
    assert shown["Centre: row, column", "px"] == "27.5 37.5"
    assert shown["Touches border", ""] == "yes"


def test_lesions_stand_with_the_frame_that_they_are_in(tmp_path):
    rows = [done("cine.dcm", [lesion(1, 2, area_px=50), lesion(1, 3, area_px=70)], frames=3)]
    (scan,) = data_of(write_report(write_run(tmp_path, rows)))["scans"]
    assert [len(frame.get("lesions", ())) for frame in scan["frames"]] == [0, 1, 1]
    assert scan["first"] == 2  # the third frame holds the largest lesion


def test_the_frame_that_is_trusted_least_is_shown_first_where_each_has_a_confidence(tmp_path):
    row = done("cine.dcm", [lesion(1, 3)], frames=3)
    certain = zip(row.masks, (0.9, 0.4, 0.8), strict=True)
    row = replace(row, masks=tuple(replace(mask, confidence=known) for mask, known in certain))
    (scan,) = data_of(write_report(write_run(tmp_path, [row])))["scans"]
    assert scan["first"] == 1


def test_further_facts_of_a_row_are_shown_but_nothing_that_may_name_a_patient(tmp_path):
    made = tuple(DicomFile(kind=kind, frame=0, path=f"dicom/{kind}") for kind in ("seg", "sr"))
    view = FrameView(box=(1, 2, 3, 4), kind="tissue", source="header")
    row = done(
        "a.png",
        millimetres="as the header says",
        identifiers={"PatientID": "Doe^Jane"},
        dicom=made,
        why_review=("low confidence", "several candidates"),
        class_probabilities=ClassProbabilities(normal=0.1, benign=0.7, malignant=0.2),
        views=(view,),
    )
    page = write_report(write_run(tmp_path, [row]))
    (scan,) = data_of(page)["scans"]
    assert ["Millimetres", "as the header says"] in scan["facts"]
    assert ["DICOM results", "seg, sr, below dicom/"] in scan["facts"]
    assert ["Why review", "low confidence, several candidates"] in scan["facts"]
    assert ["Class", "normal 0.10, benign 0.70, malignant 0.20"] in scan["facts"]
    assert ["Views", "rows 1 to 3, columns 2 to 4 (header)"] in scan["facts"]
    assert "Doe" not in text_of(page)
    assert "12.3" not in text_of(page)  # milliseconds differ from run to run


def test_the_page_says_that_it_is_no_medical_device(tmp_path):
    assert "Not a medical device" in text_of(write_report(write_run(tmp_path, [])))


# --- the weights' card


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


# --- names, markup, links


@pytest.mark.parametrize("field", ["scan", "reason"])
def test_no_name_and_no_reason_can_end_the_data_or_begin_a_script(tmp_path, field):
    plain = text_of(write_report(write_run(tmp_path, [not_done("a.png")])))
    page = write_report(write_run(tmp_path, [replace(not_done("a.png"), **{field: MARKUP})]))
    assert text_of(page).count("<script") == plain.count("<script")
    assert text_of(page).count("</script") == plain.count("</script")
    assert text_of(page).count("<!--") == plain.count("<!--")
    (scan,) = data_of(page)["scans"]
    assert scan["name" if field == "scan" else field] == MARKUP


def test_settings_cannot_hold_markup_either(tmp_path):
    page = write_report(
        write_run(tmp_path, [], weights=WeightsUsed(name=MARKUP, card_sha256="", files={}))
    )
    assert text_of(page).count("alert(1)</script") == 0
    assert data_of(page)["page"]["weights"] == MARKUP


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


# --- the file itself


def test_the_policy_lets_only_the_pages_own_scripts_and_style_run(tmp_path):
    text = text_of(write_report(write_run(tmp_path, [done("a.png")])))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith("default-src 'none'; img-src 'self' file: data:;")
    assert "unsafe" not in policy
    own = re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", text, re.DOTALL)
    assert len(own) == 3
    for part in own:
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_the_page_names_no_other_position_and_sets_no_markup():
    assets = package_files("busicli.report").joinpath("assets")
    text = "".join(part.read_text() for part in assets.iterdir())
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttp|WebSocket", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)


def test_the_same_results_give_the_same_bytes(tmp_path):
    rows = [done("a.png", [lesion()]), not_done("b.png")]
    first = write_report(write_run(tmp_path, rows)).read_bytes()
    slower = [replace(rows[0], milliseconds=99.9), rows[1]]
    assert write_report(write_run(tmp_path, slower)).read_bytes() == first


def test_a_run_without_a_scan_has_a_page(tmp_path):
    assert data_of(write_report(write_run(tmp_path, [])))["scans"] == []


# --- one file


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


# --- folders that hold no results


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


# --- evaluations


def test_scored_scans_come_with_the_worst_dice_first_and_undefined_ones_last(tmp_path):
    rows = [
        {"case": "good"},
        {"case": "normal", "dice": "", "reference_area_px": 0, "predicted_area_px": 0},
        {"case": "missed", "dice": 0, "missed_lesions": 1, "predicted_area_px": 0},
        {"case": "poor", "dice": 0.5, "review": True},
        {"case": "false", "dice": 0, "reference_area_px": 0, "class": "normal"},
    ]
    page = write_report(write_scores(tmp_path, rows))
    assert names_of(page) == ["missed", "false", "poor", "good", "normal"]
    reported = {scan["name"]: (scan["tags"], scan.get("badge")) for scan in scans_of(page)}
    assert reported["missed"][0] == ["bad", "missed", "class benign"]
    assert reported["missed"][1] == {"kind": "alarm", "text": "missed lesion"}
    assert reported["false"][0] == ["bad", "false", "class normal"]
    assert reported["poor"][1] == {"kind": "caution", "text": "for review"}
    assert reported["normal"] == (["class benign"], None)
    filters = [tag for tag, _ in data_of(page)["page"]["filters"]]
    assert filters == ["bad", "missed", "false", "review", "class benign", "class normal"]


def test_each_scored_scan_has_the_image_of_its_row(tmp_path):
    (tmp_path / "thumbnails").mkdir()
    for number in (0, 2):
        (tmp_path / "thumbnails" / f"{number:06d}.jpg").touch()
    page = write_report(write_scores(tmp_path, [{"case": name} for name in "abc"]))
    frames = {scan["name"]: scan["frames"][0] for scan in data_of(page)["scans"]}
    assert frames == {
        "a": {"thumbnail": "thumbnails/000000.jpg"},
        "b": {},
        "c": {"thumbnail": "thumbnails/000002.jpg"},
    }


def test_an_evaluation_names_both_contours_and_its_metrics(tmp_path):
    figures = {"dice": {"mean": 0.8, "low": 0.7, "high": 0.9}, "missed_lesions": 1, "lesions": 4}
    page = write_report(write_scores(tmp_path, [{"case": "a"}], per_image=figures))
    reported = data_of(page)["page"]
    assert [kind for kind, _ in reported["contours"]] == ["reference", "predicted"]
    facts = dict(reported["facts"])
    assert facts["Dice"] == "0.800 (0.700 to 0.900)"
    assert facts["Missed lesions"] == "1 of 4"


# --- the command


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


def test_dice_of_the_page_is_over_scans_with_a_lesion_as_in_the_table(tmp_path):
    rows = [
        {"case": "good"},
        {"case": "false", "dice": 0, "reference_area_px": 0},
    ]
    page = write_report(write_scores(tmp_path, rows))
    reported = {scan["name"]: scan for scan in scans_of(page)}
    assert reported["good"]["values"] == {"dice": 0.9}
    assert "values" not in reported["false"]
    assert reported["false"]["badge"]["text"] == "false mask"
    assert ["Flagged for review", "no"] in reported["false"]["facts"]
