"""The documentation is true: commands run, shown output is real, generated pages are current."""

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
REFERENCE = ROOT / "docs" / "reference" / "commands.md"


def commands_of(page: Path) -> list[list[str]]:
    """The words of every line of a code block that starts with busicli or pipes into it."""
    found = []
    for block in FENCE.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            last = line.removeprefix("$ ").rsplit("| ", 1)[-1].split(" > ")[0]
            if last.startswith("busicli "):
                found.append(shlex.split(last, comments=True)[1:])
    return found


WRITTEN = {page: commands_of(page) for page in PAGES if page != REFERENCE}


def test_commands_are_found_at_all():
    assert sum(map(len, WRITTEN.values())) > 15


@pytest.mark.parametrize(
    "page", [page for page in PAGES[1:] if WRITTEN.get(page)], ids=lambda p: p.stem
)
def test_a_pages_commands_run_in_their_order(page, scans, call, tmp_path):
    """As written, but with small scans and networks, one epoch, two folds, an absent plugin."""
    shutil.copytree(scans, tmp_path / "Dataset_BUSI_with_GT")
    few = scans if page.name == "review.md" else scans / "benign"  # a data set needs more
    shutil.copytree(few, tmp_path / "scans")
    for name in ("theirs", "nnunet_out", "labelsTs"):
        (tmp_path / name).mkdir()
        for mask in scans.glob("*/*_mask.png"):
            shutil.copy(mask, tmp_path / name / mask.name.replace("_mask", ""))
    shutil.copy(scans / "benign" / "phantom-01.png", tmp_path / "scan.png")
    named = {words[0] for words in WRITTEN[page]}
    if named & {"train", "eval"} and page.name != "train.md":  # which prepares the data itself
        as_shipped = ("--size", "192", "--views", "auto")  # what the shipped weights take
        assert call("preprocess", "Dataset_BUSI_with_GT", *as_shipped).status == 0
    for words in WRITTEN[page]:
        if words[0] == "review":
            accept_all(tmp_path / words[1], tmp_path / words[2])
        for given in as_run(words):
            stdin = b"\0".join(os.fsencode(p) for p in scans.glob("benign/*[0-9].png"))
            ended = call(*given, stdin=stdin)
            assert ended.status == 0, f"{' '.join(given)}: {ended.err}"


def test_reviewed_scans_are_prepared_as_the_shipped_weights_take_them():
    words = next(
        words
        for words in WRITTEN[ROOT / "docs" / "how-to" / "review.md"]
        if words[0] == "preprocess"
    )
    card = json.loads((ROOT / "weights" / "improved-unet" / "card.json").read_bytes())
    takes = card["preprocess"]
    assert words[-4:] == ["--size", str(takes["size_px"]), "--views", takes["views"]]


def accept_all(out: Path, reviews: Path) -> None:
    """Save what the page would after every scan was accepted."""
    rows = map(json.loads, (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
    accepted = [
        {
            **{"scan": row["scan"], "frame": 1, "decision": "accepted"},
            **{"scan_sha256": row["sha256"], "mask_sha256": row["masks"][0]["sha256"]},
            "at": "2026-01-31T07:12:00Z",
        }
        for row in rows
        if row["status"] == "ok"
    ]
    run = json.loads((out / "run.json").read_bytes())["id"]
    document = {"format": "busicli-reviews", "version": 1, "run": run, "reviewer": "AB"}
    reviews.write_text(json.dumps({**document, "reviews": accepted}))


def as_run(words: list[str]) -> list[list[str]]:
    words = ["2" if before == "--folds" else word for before, word in pairwise(["", *words])]
    if words[0] == "train" and "--epochs" in words:
        return [words]
    if words[0] == "train":
        plugin = ["--plugin", "my-net/my_net.py"] if "my-net" in words else []
        small = [] if "--model" in words else ["--model", "unet", "--model-option", "filters=4"]
        return [[*words, "--epochs", "1", *plugin, *small]]
    if words[0] == "preprocess":
        return [[*words, "--size", "64"]]
    if "--part" in words:
        at = words.index("--part") + 1
        return [[*words[:at], f"{number}/10", *words[at + 1 :]] for number in range(1, 11)]
    return [words]


def test_the_reference_is_that_of_the_commands(tmp_path):
    made = tmp_path / "commands.md"
    program = [sys.executable, "-m", "typer", "busicli.cli.app", "utils", "docs"]
    subprocess.run([*program, "--name", "busicli", "--output", made], check=True)
    assert made.read_text() == REFERENCE.read_text(), "run: make docs"


def test_the_settings_page_is_that_of_the_settings():
    written = runpy.run_path(str(ROOT / "tools" / "settings.py"))["page"]()
    assert REFERENCE.with_name("settings.md").read_text() == written, "run: make docs"


def test_the_readme_shows_what_the_commands_print(call, scans, tmp_path):
    """Line by line, but for numbers: training and times differ between machines."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "scans").symlink_to(scans)
    shown = [block for block in FENCE.findall(PAGES[0].read_text()) if block.startswith("$ ")]
    for command in "".join(shown).split("$ busicli ")[1:]:
        words, *lines = command.splitlines()
        ended = call(*as_run(words.split())[0])
        assert ended.status == 0, ended.err
        printed = [without_numbers(line) for line in ended.out.splitlines()]
        missing = [line for line in lines if without_numbers(line) not in printed]
        assert [line for line in missing if line != "[...]"] == []


def without_numbers(line: str) -> str:
    """Each number or dash as one mark, spaces and rules as one: columns may have another width."""
    numbers = re.sub(r"\d+(\.\d+)?( to \d+\.\d+)?|(?<= )-(?= |$)", "#", line)
    return re.sub(r"─+", "─", re.sub(r"\s+", " ", numbers)).strip()


def test_the_table_of_layers_is_that_of_the_contract(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    written = runpy.run_path(str(ROOT / "tools" / "layers.py"))["page"]()
    assert (ROOT / "CONTRIBUTING.md").read_text() == written, "run: make docs"


PROSE = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md"]


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.stem)
def test_no_paragraph_has_over_90_words(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    paragraphs = re.split(r"\n\s*\n|\n(?=[-*|#]|\d+\. )", text)
    assert [p for p in paragraphs if len(p.split()) > 90 and not p.startswith("|")] == []


def test_no_line_of_the_changelog_has_over_25_words():
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("- ") and len(line.split()) > 26] == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_python_page_runs(scans, tmp_path, monkeypatch):
    (tmp_path / "scan.png").symlink_to(next(scans.glob("malignant/*[0-9].png")))
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(block, {})


@pytest.mark.parametrize("page", ["README.md", "docs/reference/results.md"])
def test_the_pages_say_in_which_frame_masks_of_turned_images_are(page):
    assert "EXIF" in (ROOT / page).read_text(encoding="utf-8")
