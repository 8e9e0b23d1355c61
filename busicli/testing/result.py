"""How a check of a plugin ends."""

from dataclasses import dataclass

from busicli.errors import BusicliError


class CheckError(BusicliError):
    """What a plugin does is not what an architecture promises."""


class NotTriedError(BusicliError):
    """A check needs something that is not here; this says nothing of the plugin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What came of one check."""

    name: str
    passed: bool | None
    """None where the check could not be tried."""
    detail: str
    """What was seen; where it failed: what came, what was needed, what to do."""
    seconds: float
    """How long it took."""


def need(holds: bool, sentence: str) -> None:
    """Raise CheckError with a sentence unless something holds."""
    if not holds:
        raise CheckError(sentence)
