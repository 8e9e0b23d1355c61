"""Scans that are one DICOM object by their headers, as after a careless anonymisation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from busicli.io.scan_results import ScanResult


@dataclass(slots=True)
class KnownObjects:
    """The SOP Instance UIDs, as hashes, of the scans so far."""

    _first: dict[str, str] = field(default_factory=dict)

    def marked(self, result: ScanResult) -> ScanResult:
        """The result; one whose identifier an earlier scan had names that scan."""
        if not result.object_key:
            return result
        first = self._first.setdefault(result.object_key, result.scan)
        return result if first == result.scan else replace(result, same_object_as=first)


def mark_same_objects(results: Iterable[ScanResult]) -> Iterator[ScanResult]:
    """Results of a whole run in the scans' order, each marked as `KnownObjects` does."""
    return map(KnownObjects().marked, results)
