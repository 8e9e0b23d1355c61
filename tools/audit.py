"""Checks the lock against known vulnerabilities, offline: python tools/audit.py DATABASE [LOCK].

DATABASE is the OSV project's dump for PyPI, as a zip file or a folder of its JSON files: fetch it
where there is a network, from https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip. The
exit status is 1 where a locked version is affected, and 2 where the database or lock is no such.
"""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]


def locked(lock: Path) -> dict[str, Version]:
    """The packages of a lock file with their versions."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    names = [line.rstrip(" \\") for line in lines if line[:1].isalnum() and "==" in line]
    found = {}
    for name in names:
        requirement = Requirement(name)
        (pin,) = requirement.specifier
        found[canonicalize_name(requirement.name)] = Version(pin.version)
    return found


def advisories(database: Path) -> Iterator[dict[str, Any]]:
    """Every advisory of a dump that was not withdrawn."""
    if database.is_dir():
        texts: Iterator[bytes] = (path.read_bytes() for path in sorted(database.rglob("*.json")))
    else:
        texts = _members(database)
    for text in texts:
        advisory = json.loads(text)
        if "withdrawn" not in advisory:
            yield advisory


def _members(dump: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(dump) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".json"):
                yield archive.read(name)


def affected(advisory: dict[str, Any], versions: dict[str, Version]) -> Iterator[str]:
    """A line for each locked package that an advisory concerns: its name, version and remedy."""
    for entry in advisory.get("affected", []):
        package = entry.get("package", {})
        name = canonicalize_name(package.get("name", ""))
        version = versions.get(name) if package.get("ecosystem") == "PyPI" else None
        if version is None:
            continue
        ranges = [r["events"] for r in entry.get("ranges", []) if r.get("type") == "ECOSYSTEM"]
        listed = any(_version(text) == version for text in entry.get("versions", []))
        if listed or any(_is_within(version, events) for events in ranges):
            fixed = [event["fixed"] for events in ranges for event in events if "fixed" in event]
            remedy = f"fixed in {', '.join(fixed)}" if fixed else "not fixed yet"
            aliases = ", ".join([advisory["id"], *advisory.get("aliases", [])])
            yield f"{name} {version}: {aliases}; {remedy}"


def _is_within(version: Version, events: list[dict[str, str]]) -> bool:
    """Whether a version lies in a range: introduced at or before it, and not fixed by it since."""
    inside = False
    for kind, text in sorted(
        ((kind, text) for event in events for kind, text in event.items() if _version(text)),
        key=lambda pair: _version(pair[1]) or Version("0"),
    ):
        bound = _version(text) or Version("0")
        if kind == "introduced":
            inside = inside or bound <= version
        elif bound < version or (kind == "fixed" and bound == version):
            inside = False
    return inside


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def main(arguments: list[str]) -> int:
    """Print what is affected; the exit status."""
    if len(arguments) not in (1, 2) or not Path(arguments[0]).exists():
        print(__doc__, file=sys.stderr)
        return 2
    versions = locked(Path(arguments[1]) if len(arguments) == 2 else ROOT / "requirements.lock")
    count, found = 0, set()
    for advisory in advisories(Path(arguments[0])):
        count += 1
        found.update(affected(advisory, versions))
    if not (count and versions):
        print("The database holds no advisory, or the lock no package.", file=sys.stderr)
        return 2
    print("\n".join(sorted(found)) or "No locked version is affected.")
    print(f"{len(versions)} packages, {count} advisories.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
