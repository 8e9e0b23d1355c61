"""Running a network over scans: engines, their exported graphs, and what a network costs."""

from busicli.predict.choose import EngineName, choose_engine
from busicli.predict.cost import operations
from busicli.predict.engines import (
    BATCH,
    Engine,
    KerasEngine,
    MirroredEngine,
    OpenVinoEngine,
)

__all__ = [
    "BATCH",
    "Engine",
    "EngineName",
    "KerasEngine",
    "MirroredEngine",
    "OpenVinoEngine",
    "choose_engine",
    "operations",
]
