"""Conformance kit for authors of architectures.

`ArchitectureContract` gives a test file a test a check; `check_architecture` gives results. Both
take the plugin's name or its file. Nothing here imports Keras before a network is built.
"""

from busicli.testing.candidate import Candidate, Check
from busicli.testing.result import CheckError, CheckResult, NotTriedError
from busicli.testing.run import CHECKS, ArchitectureContract, check_architecture, title

__all__ = [
    "CHECKS",
    "ArchitectureContract",
    "Candidate",
    "Check",
    "CheckError",
    "CheckResult",
    "NotTriedError",
    "check_architecture",
    "title",
]
