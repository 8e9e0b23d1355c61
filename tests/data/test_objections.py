from dataclasses import replace
from pathlib import Path

import numpy as np

from busicli.data import objections
from busicli.data.assign_splits import LoadedCases, assign_splits
from busicli.data.sources import read_folder, read_table
from busicli.settings import SplitSettings
from tests.data.made_sources import empty_files, phantom, prepared_case, write_table

LISTED = ("benign (42)", "152c20fa822942fb67756465dd3881003ee4086b6348f867da0f8f99630e9d6f")


def test_the_list_holds_what_the_curators_published():
    table = Path(objections.__file__).with_name("busi_objections.csv").read_text(encoding="utf-8")
    kinds = [line.split(",")[1] for line in table.splitlines()[1:]]
    counts = {kind: kinds.count(kind) for kind in objections.OBJECTIONS}
    assert counts == {"axilla": 70, "needle": 7, "multiclass": 19}
    assert len(kinds) == 96


def test_objections_go_by_name_in_busis_layout_alone(tmp_path):
    empty_files(tmp_path, "normal/normal (34).png", "normal/normal (5).png")
    cases, _ = read_folder(tmp_path, "d")
    assert {case.case: case.objection for case in cases} == {
        "normal (34)": "multiclass",
        "normal (5)": "",
    }
    table = write_table(tmp_path, "scan,class", "normal/normal (34).png,normal")
    (case,), _ = read_table(table, "mine")
    assert case.objection == ""


def test_objections_go_by_content_under_any_name(scans):
    # One scan with the listed image's hash, one with the listed name, and one with neither.
    sources = [replace(phantom(scans), case=f"case {n}", split="test") for n in range(3)]
    sources[1] = replace(sources[1], objection="needle")
    first, second, third = map(prepared_case, sources)
    first = replace(first, fingerprint=replace(first.fingerprint, pixels_sha256=LISTED[1]))
    read = LoadedCases([first, second, third], np.stack([first.thumbnail] * 3))
    found = assign_splits(read, SplitSettings(), None)
    assert [case.objection for case in found] == ["multiclass", "needle", ""]
    assert objections.objection_by_name(LISTED[0]) == "multiclass"
