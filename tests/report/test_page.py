import base64
import hashlib
import re
from dataclasses import replace
from importlib.resources import files as package_files

import pytest

from busicli.io.run_record import WeightsUsed
from busicli.report.write import write_report
from tests.made_results import done, not_done, write_run
from tests.report.page_data import data_of, text_of

MARKUP = "</script><script>alert(1)</script><!--.png"
"""A disk can hold it: folders `<` and `script><script>alert(1)<`, a file `script><!--.png`."""


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
