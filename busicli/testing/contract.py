"""The checks as pytest tests, for the test file of a plugin."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from busicli.testing.candidate import Candidate, Check
from busicli.testing.result import NotTriedError
from busicli.testing.run import CHECKS


class ArchitectureContract:
    """The conformance checks; pytest runs one test per check for each subclass.

        class TestMyNet(ArchitectureContract):
            architecture = Path(__file__).with_name("my_net.py")

    A test that a subclass sets to None does not run.
    """

    architecture: ClassVar[str | Path]
    """The plugin's name, or its file."""
    plugins: ClassVar[Sequence[Path]] = ()
    """Further files in which the name is looked for."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options of a smaller network, where the plugin's own is slow to check."""

    @classmethod
    @cache
    def candidate(cls) -> Candidate:
        """The plugin; its networks are built once for all tests."""
        return Candidate.of(cls.architecture, cls.plugins, cls.options)


def _test_of(check: Check) -> Callable[[ArchitectureContract], None]:
    def test(contract: ArchitectureContract) -> None:
        try:
            check(contract.candidate())
        except NotTriedError as reason:
            import pytest  # only here: busicli itself does not need it

            pytest.skip(str(reason))

    test.__name__ = f"test_{check.__name__}"
    test.__doc__ = check.__doc__
    return test


for _check in CHECKS:
    setattr(ArchitectureContract, f"test_{_check.__name__}", _test_of(_check))
