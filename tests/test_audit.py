"""The offline check of the lock against known vulnerabilities, on advisories made up here."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools" / "audit.py"
LOCK = "left-pad==1.5.0 \\\n    --hash=sha256:00\nright_pad==2.0 ; sys_platform == 'linux' \\\n"


def advisory(name: str, *events: dict[str, str], **others: object) -> dict[str, object]:
    package = {"ecosystem": "PyPI", "name": name}
    affected = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}
    return {"id": "MADE-UP-1", "aliases": ["CVE-0-1"], "affected": [affected], **others}


@pytest.fixture
def audit(tmp_path):
    """Exit status and stdout for advisories, as a folder of files."""

    def run(*advisories: dict[str, object], zipped: bool = False) -> tuple[int, str]:
        (tmp_path / "lock").write_text(LOCK)
        database = tmp_path / "db"
        database.mkdir(exist_ok=True)
        for number, document in enumerate(advisories):
            (database / f"{number}.json").write_text(json.dumps(document))
        if zipped:
            with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
                for path in database.iterdir():
                    archive.write(path, path.name)
            database = tmp_path / "all.zip"
        command = [sys.executable, SCRIPT, database, tmp_path / "lock"]
        ended = subprocess.run(command, capture_output=True, text=True)
        return ended.returncode, ended.stdout

    return run


@pytest.mark.parametrize("zipped", [False, True])
def test_an_affected_version_is_named_with_its_remedy(audit, zipped):
    status, out = audit(
        advisory("left_pad", {"introduced": "1.2"}, {"fixed": "1.10"}), zipped=zipped
    )
    assert status == 1
    assert "left-pad 1.5.0: MADE-UP-1, CVE-0-1; fixed in 1.10\n" in out


@pytest.mark.parametrize(
    "events",
    [
        [{"introduced": "0"}, {"fixed": "1.5.0"}],
        [{"introduced": "1.6"}],
        [{"introduced": "0"}, {"last_affected": "1.4"}],
        [{"introduced": "0"}, {"fixed": "1.1"}, {"introduced": "1.10"}, {"fixed": "2"}],
    ],
)
def test_versions_outside_of_the_ranges_are_not_affected(audit, events):
    status, out = audit(advisory("left-pad", *events))
    assert (status, "No locked version is affected." in out) == (0, True)


def test_the_last_affected_version_and_listed_ones_are_affected(audit):
    last = advisory("left-pad", {"introduced": "0"}, {"last_affected": "1.5"})
    listed = advisory("Right.Pad")
    listed["affected"][0]["versions"] = ["1.9", "2.0.0"]
    status, out = audit(last, listed)
    assert status == 1
    assert out.count("MADE-UP-1") == 2
    assert "right-pad 2.0: MADE-UP-1, CVE-0-1; not fixed yet" in out


def test_withdrawn_advisories_and_other_ecosystems_do_not_count(audit):
    other = advisory("left-pad", {"introduced": "0"})
    other["affected"][0]["package"]["ecosystem"] = "npm"
    withdrawn = advisory("left-pad", {"introduced": "0"}, withdrawn="2020-01-01T00:00:00Z")
    assert audit(other, withdrawn)[0] == 0


def test_an_empty_database_is_no_clean_bill(audit):
    assert audit()[0] == 2
