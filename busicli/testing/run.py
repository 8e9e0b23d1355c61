"""Running the checks: each gives a result, or is a pytest test of the plugin's author."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from busicli.errors import InputError
from busicli.models.keras_backend import require_keras
from busicli.models.registry import location
from busicli.testing.backends import on_jax, on_tensorflow, on_torch
from busicli.testing.candidate import Candidate, Check
from busicli.testing.metadata_checks import cost, declaration, import_cost
from busicli.testing.output_checks import (
    alone_as_among_others,
    class_output,
    depends_on_the_scan,
    finite,
    half_precision,
    one_set_of_weights,
    output,
    sizes,
)
from busicli.testing.result import CheckError, CheckResult, NotTriedError
from busicli.testing.serialization_checks import export, saving
from busicli.testing.training_checks import gradients, learning

CHECKS: tuple[Check, ...] = (
    declaration,
    import_cost,
    sizes,
    one_set_of_weights,
    half_precision,
    output,
    class_output,
    finite,
    depends_on_the_scan,
    alone_as_among_others,
    saving,
    export,
    learning,
    gradients,
    on_tensorflow,
    on_jax,
    on_torch,
    cost,
)
"""Every check, the simpler ones first."""
WITHOUT_NETWORK = (declaration, import_cost)
_log = logging.getLogger(__name__)


def check_architecture(
    architecture: str | Path,
    *,
    plugins: Sequence[Path] = (),
    options: Mapping[str, Any] | None = None,
) -> Iterator[CheckResult]:
    """Check a plugin by its name or by its file; yields the result of each check as it ends.

    `plugins` are further files in which a name is looked for. `options` can make the network
    smaller, so that the checks are fast; its cost is counted with the plugin's own options. Raises
    InputError at once, before any check, where the plugin does not exist or cannot be loaded, for
    options that it does not have, and where Keras is missing.
    """
    candidate = Candidate.of(architecture, plugins, options)
    require_keras()
    return results(candidate, CHECKS)


def results(candidate: Candidate, checks: Sequence[Check]) -> Iterator[CheckResult]:
    """Run some checks in turn. Where it cannot be built at every size, most are left out."""
    builds = True
    for check in checks:
        if builds or check in WITHOUT_NETWORK:
            result = _tried(check, candidate)
        else:
            detail = "not tried until it builds at every size."
            result = CheckResult(name=title(check), passed=None, detail=detail, seconds=0.0)
        yield result
        builds &= check is not sizes or bool(result.passed)


def title(check: Check) -> str:
    """The name of a check in tables."""
    return check.__name__.replace("_", " ")


def _tried(check: Check, candidate: Candidate) -> CheckResult:
    started = time.monotonic()
    passed: bool | None = False
    try:
        passed, detail = True, check(candidate)
    except NotTriedError as reason:
        passed, detail = None, str(reason)
    except (CheckError, InputError) as error:
        detail = str(error)
    except Exception as error:  # a plugin may raise anything
        _log.debug("%s", title(check), exc_info=True)
        reason_line = str(error).strip().partition("\n")[0]
        detail = (
            f"{type(error).__name__}: {reason_line or 'no reason given'}"
            f"{location(error, candidate.file)}; busicli --debug models check shows the traceback."
        )
    seconds = time.monotonic() - started
    return CheckResult(name=title(check), passed=passed, detail=detail, seconds=seconds)


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
