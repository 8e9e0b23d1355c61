"""Request, callbacks and outcome of a run over scans."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from busicli.batch.shards import Shard
from busicli.inference.choose import EngineName, PrecisionName
from busicli.inference.views import ViewMode
from busicli.io.images import MAX_PIXELS
from busicli.io.output_paths import Kind
from busicli.models.weights import DEFAULT_WEIGHTS
from busicli.parallel.dask import ClusterRequest
from busicli.types import Spacing

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRequest:
    """What to segment and how."""

    scans: Path | tuple[Path, ...]
    """A folder, or the files themselves."""
    out: Path
    weights: str = DEFAULT_WEIGHTS
    weights_sha256: str | None = None
    plugins: tuple[Path, ...] = ()
    overlays: bool = True
    probabilities: bool = False
    """Write each scan's probability map too."""
    report: bool = True
    """Write the page to look through, and its small images."""
    tta: bool | None = None
    """Whether to average each scan's map with its mirror image's; None: as the card says."""
    engine: EngineName = "auto"
    precision: PrecisionName = "auto"
    names: Literal["keep", "hash"] = "keep"
    views: ViewMode | None = None
    """What the network sees; None is what the weights were trained on."""
    spacing: Spacing | None = None
    """Of images' pixels; DICOM objects say themselves."""
    dicom: tuple[Kind, ...] = ()
    """DICOM objects to be made of DICOM scans."""
    deidentify: bool = False
    """Leave the patient out of them."""
    keep_identifiers: bool = False
    """Name patients in the manifest."""
    max_pixels: int = MAX_PIXELS
    timeout_s: float = 60
    """How long reading and decoding one scan may take before it fails."""
    shard: Shard | None = None
    """Only this part of the scans; `busicli.batch.merge` makes the whole."""
    max_failures: int | None = None
    """Stop once so many scans have failed, at least 1; None never stops for it."""
    jobs: int = 2
    cluster: ClusterRequest | None = None
    """Where to work instead of on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What the run calls, and what may stop it."""

    on_note: Callable[[str], None]
    """Called with a sentence that whoever runs this should read."""
    on_start: Callable[[int], None]
    """Called with the number of inputs."""
    on_row: Callable[[Row], None]
    """Called with each scan's manifest row, in the scans' order."""
    stop_status: Callable[[], int]
    """Asked before each scan: the exit status to stop with, or 0 to continue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOutcome:
    """How a run ended."""

    exit_status: int
    counts: dict[str, int]
    """Inputs by status."""
    kept: int
    """Scans whose results of an earlier run still hold."""
    masks: int
    """Files that were skipped as masks beside their scans."""
    with_lesions: int
    """Scans in which a lesion was found."""
    for_review: int
    """Scans whose mask a person should look at first."""
    shown_whole: int
    """Scans of a run that takes identifiers out whose images show all that is written in them."""
    inputs: int
    seconds: float
    weights: str
    failed: tuple[Row, ...]
    """Manifest rows of the first scans that failed."""
