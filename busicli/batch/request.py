"""Request, callbacks and outcome of a run over scans."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from busicli.batch.outputs import DEFAULT_OUTPUTS
from busicli.batch.shards import Shard
from busicli.inference.choose import EngineName, PrecisionName
from busicli.inference.views import ViewMode
from busicli.io.images import MAX_PIXELS
from busicli.io.run_record import Names, RunCounts
from busicli.io.scan_results import ScanResult
from busicli.models.weights import DEFAULT_WEIGHTS
from busicli.parallel.dask import ClusterRequest
from busicli.types import Spacing


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRequest:
    """What to segment and how."""

    scans: Path | tuple[Path, ...]
    """A folder, or the files themselves."""
    out: Path
    root: Path | None = None
    """Folder that names of listed scans are relative to; None: the current one."""
    weights: str = DEFAULT_WEIGHTS
    weights_sha256: str | None = None
    plugins: tuple[Path, ...] = ()
    outputs: tuple[str, ...] = DEFAULT_OUTPUTS
    """Names of the files to write for each scan, as in `busicli.batch.outputs.OUTPUTS`."""
    report: bool = True
    """Whether to write the page; it needs the thumbnails."""
    prune: bool = False
    """Whether to remove the files of scans that are no longer among the inputs."""
    tta: bool | None = None
    """Whether to average each map with the flipped scan's; None: as the card says."""
    engine: EngineName = "auto"
    precision: PrecisionName = "auto"
    names: Names = "keep"
    views: ViewMode | None = None
    """What the network sees; None is what the weights were trained on."""
    max_false_masks: float | None = None
    """Largest share of normal scans with a false mask, in (0, 1); None: as tuned."""
    spacing: Spacing | None = None
    """Of images' pixels; DICOM files hold their own."""
    deidentify: bool = False
    """Whether to remove the patient from DICOM objects and from images."""
    keep_identifiers: bool = False
    """Whether to write patient and study into the manifest."""
    max_pixels: int = MAX_PIXELS
    timeout_s: float = 60
    """How long reading and decoding one scan may take before it fails."""
    shard: Shard | None = None
    """Only this part of the scans; `busicli.batch.merge` joins the parts."""
    max_failures: int | None = None
    """Stop once so many scans have failed, at least 1; None never stops."""
    jobs: int = 2
    cluster: ClusterRequest | None = None
    """Where to work instead of on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What the run calls, and what may stop it."""

    on_note: Callable[[str], None]
    """Called with a sentence that the user should read."""
    on_start: Callable[[int], None]
    """Called with the number of inputs."""
    on_result: Callable[[ScanResult], None]
    """Called with each scan's result, in the scans' order."""
    stop_status: Callable[[], int]
    """Asked before each scan: the exit status to stop with, or 0 to continue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOutcome:
    """How a run ended."""

    exit_status: int
    counts: RunCounts
    kept: int
    """Scans whose results of an earlier run still hold."""
    masks: int
    """Files that were skipped as masks beside their scans."""
    orphans: int
    """Masks of scans that are not among the inputs: removed where the request says so."""
    with_lesions: int
    """Scans in which a lesion was found."""
    for_review: int
    """Scans that a person should look at first."""
    shown_whole: int
    """Scans of a deidentified run whose images show all text that is in them."""
    same_objects: int
    """DICOM scans with the SOP Instance UID of an earlier scan."""
    reviewed: int
    """Scans that a person had reviewed, which stay as reviewed."""
    seconds: float
    weights: str
    """Name of the weights."""
    failed: tuple[ScanResult, ...]
    """The first scans that failed."""
