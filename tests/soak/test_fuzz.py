"""Readers of files are fed mutations of a made corpus for a while; what goes wrong is kept.

A file that crashes a reader is written to `tests/io/crashes/`, where every test run reads it again:
commit it with the fix. BUSICLI_FUZZ_S sets the seconds for each reader, BUSICLI_FUZZ_SEED the seed.
"""

import hashlib
import os
import time
from pathlib import Path
from threading import Timer

import numpy as np
import pytest

from busicli.parallel.killable import KillableCall, ProcessDiedError, ProcessLimits, ProcessPool
from tests.soak.fuzz import CORPORA, mutated

SECONDS = float(os.environ.get("BUSICLI_FUZZ_S", "60"))
SEED = int(os.environ.get("BUSICLI_FUZZ_SEED", "0"))
MOST_S = 20.0
"""For one file of at most four million pixels."""
CRASHES = Path(__file__).parents[1] / "io" / "crashes"


@pytest.fixture
def pool():
    limits = ProcessLimits(memory=2**30, cpu_s=MOST_S)
    made = ProcessPool("tests.soak.fuzz:answer", limits)
    yield made
    made.close()


def fault_of(data: bytes, pool: ProcessPool) -> str:
    """What went wrong with a file; empty where it was read or refused."""
    call = KillableCall(pool)
    timer = Timer(MOST_S, call.kill)
    timer.start()
    try:
        (fault,) = call([data])
    except ProcessDiedError:
        return "its process crashed, hung or took all memory"
    finally:
        timer.cancel()
    return fault.decode()


@pytest.mark.parametrize("reader", CORPORA)
def test_a_reader_reads_or_refuses_whatever_it_is_fed(reader, pool):
    corpus = CORPORA[reader]()
    for whole in corpus:
        assert not fault_of(whole, pool)
    rng = np.random.default_rng(SEED)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        one, other = (corpus[number] for number in rng.integers(len(corpus), size=2))
        data = mutated(one, other, rng)
        if fault := fault_of(data, pool):
            CRASHES.mkdir(exist_ok=True)
            path = CRASHES / f"{reader}-{hashlib.sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            pytest.fail(f"kept as {path}: {fault}")
