"""The result of a check."""

from dataclasses import dataclass

from busicli.errors import BusicliError


class CheckError(BusicliError):
    """A plugin fails a check."""


class NotTriedError(BusicliError):
    """A check needs something that is not installed; this says nothing about the plugin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of one check."""

    name: str
    passed: bool | None
    """None where the check could not run."""
    detail: str
    """What it measured; for a failure: what came, what was needed, what to do."""
    seconds: float
    """How long it took."""


def need(holds: bool, sentence: str) -> None:
    """Raise CheckError with the sentence unless `holds`."""
    if not holds:
        raise CheckError(sentence)
