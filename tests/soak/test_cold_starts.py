"""Threads that use a fresh engine at once: two of them once waited for each other for ever."""

import subprocess
import sys

STARTS = 40
PROGRAM = """
import threading
import numpy as np
from busicli.inference.choose import EngineRequest, choose_engine
from busicli.models.weights import locate_shipped, read_card

folder, pinned = locate_shipped("improved-unet")
card = read_card(folder, pinned_sha256=pinned)
engine, _ = choose_engine(EngineRequest(name="openvino", streams=4), folder, card)
together = threading.Barrier(4)
scan = np.zeros((1, card.preprocess.size_px, card.preprocess.size_px, 3), np.uint8)

def use():
    together.wait()
    engine.predict(scan)

threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_a_fresh_engine_serves_threads_that_come_at_once():
    for _ in range(STARTS):
        subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
