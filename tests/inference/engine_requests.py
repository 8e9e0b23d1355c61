"""Engines as tests ask for them."""

from busicli.inference.choose import EngineRequest

AUTO = EngineRequest(tta=False)
OPENVINO = EngineRequest(name="openvino", streams=2, tta=False)
