"""What DICOM objects say of the algorithm that made them."""

from dataclasses import dataclass

from busicli.io.scan_results import Reviewed

MAKER = "busicli"
_LINE = 64
"""Most characters of a Long String. PS3.5 6.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """The algorithm that made a result."""

    weights: str
    weights_sha256: str
    version: str
    """Of busicli."""
    deidentified: bool
    variant: str = ""
    """What else a result depends on, such as the engine; it changes the identifiers."""
    reviewed: Reviewed | None = None
    """What a person has decided; None for a result that nobody has checked."""

    @property
    def name(self) -> str:
        """Of the weights, without what an object may not hold whatever its character set."""
        fits = (c.isascii() and c.isprintable() and c != "\\" for c in self.weights)
        return "".join(c if fit else "?" for c, fit in zip(self.weights, fits, strict=True))

    @property
    def seed(self) -> tuple[str, ...]:
        """Everything but the scan that decides a result."""
        private = "deidentified" if self.deidentified else ""
        by = self.reviewed
        review = (by.decision, by.reviewer, by.at) if by else ()
        return MAKER, self.version, self.weights_sha256, self.variant, private, *review

    @property
    def reviewer(self) -> str:
        """As a person's name in ASCII, which every character set has; empty where nobody."""
        name = self.reviewed.reviewer if self.reviewed else ""
        plain = name.encode("ascii", "replace").decode()
        return "".join(" " if c in "\\=^" else c for c in plain).strip() or "?" * bool(name)

    @property
    def standing(self) -> str:
        """Whether a person has checked the result, in a few words."""
        words = {"edited": "corrected by a person", "no_lesion": "corrected by a person"}
        by = self.reviewed
        return words.get(by.decision, "checked by a person") if by else "to be checked by a person"


def short_line(text: str, end: str = "") -> str:
    """One line of an object with `end` behind it; long text is cut to make 64 characters in all.

    >>> short_line("a" * 70, " b")[-6:], len(short_line("a" * 70, " b"))
    ('a... b', 64)
    """
    most = _LINE - len(end)
    return (text if len(text) <= most else text[: most - 3] + "...") + end
