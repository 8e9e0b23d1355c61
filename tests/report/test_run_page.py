from dataclasses import replace

from busicli.io.scan_results import DicomFile
from busicli.report.write import write_report
from busicli.types import ClassProbabilities, FrameView
from tests.made_results import done, in_mm, lesion, not_done, write_run
from tests.report.page_data import data_of, names_of, scans_of, text_of


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
