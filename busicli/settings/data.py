"""Settings of prepared data."""

from dataclasses import dataclass
from typing import Any, Literal

from busicli.settings.record import Record, check

SplitBy = Literal["group", "image"]
Aspect = Literal["stretch", "keep"]
Views = Literal["auto", "whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessSettings(Record):
    """How a scan becomes the network's input."""

    size_px: int = 256
    """Rows and columns of the square that scans and masks are resized to."""
    aspect: Aspect = "stretch"
    """`stretch` fills the square; `keep` keeps the scan's proportions and pads with black."""
    views: Views = "auto"
    """`auto` crops a scan to its ultrasound field before resizing if the margins are certain;
    `whole` crops nothing."""

    def __post_init__(self) -> None:
        check(self.aspect in ("stretch", "keep"), "aspect", self.aspect, "stretch or keep")
        check(self.views in ("auto", "whole"), "views", self.views, "auto or whole")
        check(16 <= self.size_px <= 4096, "the input size", self.size_px, "between 16 and 4096 px")

    @classmethod
    def _unsaid(cls) -> dict[str, Any]:
        return {"views": "whole"}  # records of before there was a choice: nothing was cut


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings(Record):
    """How scans are divided into train, val and test."""

    by: SplitBy = "group"
    """`group` keeps near copies and scans of one patient together; `image` splits at random."""
    train_share: float = 0.9
    """Share of all scans used to train; a quarter of the rest, rounded up, is the test split."""
    seed: int = 0

    def __post_init__(self) -> None:
        check(self.by in ("group", "image"), "split-by", self.by, "group or image")
        check(0 < self.train_share < 1, "the train share", self.train_share, "between 0 and 1")
