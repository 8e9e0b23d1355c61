"""What is written must be so: every command in README and docs, the reference, every link."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
REFERENCE = ROOT / "docs" / "reference" / "commands.md"


def commands_of(page: Path) -> list[list[str]]:
    """The words of every line of a code block that begins busicli, or ends a pipeline with it."""
    found = []
    for block in FENCE.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            last = line.rsplit("| ", 1)[-1].split(" > ")[0]
            if last.startswith("busicli "):
                found.append(shlex.split(last, comments=True)[1:])
    return found


WRITTEN = {page: commands_of(page) for page in PAGES if page != REFERENCE}


def test_commands_are_found_at_all():
    assert sum(map(len, WRITTEN.values())) > 15


@pytest.mark.parametrize("page", [page for page in WRITTEN if WRITTEN[page]], ids=lambda p: p.stem)
def test_a_pages_commands_run_in_their_order(page, scans, call, tmp_path):
    """As written, but for one epoch of small scans, and a plugin that is not installed."""
    shutil.copytree(scans, tmp_path / "Dataset_BUSI_with_GT")
    shutil.copytree(scans / "benign", tmp_path / "scans")
    for name in ("theirs", "nnunet_out", "labelsTs"):
        (tmp_path / name).mkdir()
        for mask in scans.glob("*/*_mask.png"):
            shutil.copy(mask, tmp_path / name / mask.name.replace("_mask", ""))
    if page != PAGES[0]:  # whose commands come before those of the other pages
        assert call("preprocess", "Dataset_BUSI_with_GT").status == 0
    for words in WRITTEN[page]:
        for given in as_run(words):
            stdin = b"\0".join(os.fsencode(p) for p in scans.glob("benign/*[0-9].png"))
            ended = call(*given, stdin=stdin)
            assert ended.status == 0, f"{' '.join(given)}: {ended.err}"


def as_run(words: list[str]) -> list[list[str]]:
    if words[0] == "train":
        plugin = ["--plugin", "my-net/my_net.py"] if "my-net" in words else []
        return [[*words, "--epochs", "1", *plugin]]
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


def test_what_the_readme_shows_is_what_is_said(call, scans, tmp_path):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "scans").symlink_to(scans)
    shown = re.search(r"^\$ (busicli .*)\n((?:.+\n)+?)```", PAGES[0].read_text(), re.MULTILINE)
    ended = call(*shown[1].split()[1:])
    seconds = re.compile(r"[\d.]+ s with")
    assert seconds.sub("T s with", ended.out) == seconds.sub("T s with", shown[2])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_python_page_runs(scans, tmp_path, monkeypatch):
    (tmp_path / "scan.png").symlink_to(next(scans.glob("malignant/*[0-9].png")))
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(block, {})
