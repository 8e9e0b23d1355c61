"""What a command says that cannot be done."""


def said(ended) -> str:
    """The one line on stderr that is not progress."""
    lines = [line for line in ended.err.splitlines() if " preparing scans: " not in line]
    assert len(lines) == 1
    (line,) = lines
    assert line.startswith("busicli: ")
    assert "internal error" not in line
    return line
