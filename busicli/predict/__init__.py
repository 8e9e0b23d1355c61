"""Running a network over scans: engines, their exported graphs, and what a network costs."""

from busicli.predict.choose import EngineName, EngineRequest, PrecisionName, choose_engine
from busicli.predict.cost import operations, uncounted
from busicli.predict.engines import Engine, KerasEngine, OpenVinoEngine, averaged_with_mirror

__all__ = [
    "Engine",
    "EngineName",
    "EngineRequest",
    "KerasEngine",
    "OpenVinoEngine",
    "PrecisionName",
    "averaged_with_mirror",
    "choose_engine",
    "operations",
    "uncounted",
]
