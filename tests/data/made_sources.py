"""Data sets of files, as `preprocess` reads them."""

from pathlib import Path

from busicli.data.prepare_case import CasePreparation, PreparedCase
from busicli.data.sources import read_folder
from busicli.settings import PreprocessSettings
from busicli.types import Failed, SourceCase

SMALL = PreprocessSettings(size_px=16)


def empty_files(folder: Path, *names: str) -> Path:
    """Readers look at names only, so the files hold nothing."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def write_table(folder: Path, *lines: str) -> Path:
    table = folder / "cases.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def reported(errors: list[Failed]) -> set[tuple[str, str]]:
    return {(error.what, error.reason) for error in errors}


def phantom(scans: Path, name: str = "phantom-06") -> SourceCase:
    return next(case for case in read_folder(scans, "phantoms")[0] if case.case == name)


def prepared_case(source: SourceCase) -> PreparedCase:
    found = CasePreparation(SMALL)(source)
    assert isinstance(found, PreparedCase), found
    return found
