"""Running a network over scans: engines, their exported graphs, and what a network costs."""

from busicli.predict.choose import EngineName, EngineRequest, PrecisionName, choose_engine
from busicli.predict.cost import operations, uncounted
from busicli.predict.engines import Engine, KerasEngine, OpenVinoEngine
from busicli.predict.views import seen

__all__ = [
    "Engine",
    "EngineName",
    "EngineRequest",
    "KerasEngine",
    "OpenVinoEngine",
    "PrecisionName",
    "choose_engine",
    "operations",
    "seen",
    "uncounted",
]
