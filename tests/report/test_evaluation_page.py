from busicli.report.write import write_report
from tests.made_results import write_scores
from tests.report.page_data import data_of, names_of, scans_of


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
