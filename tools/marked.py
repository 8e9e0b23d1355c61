"""Generated parts of pages: each stands between two comments that name it."""

from pathlib import Path


def replace_marked(page: Path, name: str, text: str) -> str:
    """The page with `text` between `<!-- begin NAME -->` and `<!-- end NAME -->`.

    Raises ValueError where the page lacks one of the two comments.
    """
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}{text}{end}{after}"
