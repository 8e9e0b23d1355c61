import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from busicli.parallel import memory
from busicli.parallel.memory import MemoryBudget, free_bytes

FREE = "from busicli.parallel.memory import free_bytes; print(free_bytes())"


def test_a_limit_on_addresses_bounds_what_is_free():
    limits = (2**30, 2**30)
    small = subprocess.run(
        [sys.executable, "-c", FREE],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits),
        capture_output=True,
        check=True,
    )
    assert 2**29 < int(small.stdout) < 2**30


@pytest.mark.parametrize(
    ("version", "line", "root"),
    [(2, "0::/jobs/night\n", Path()), (1, "7:cpu,memory:/jobs/night\n", Path("memory"))],
)
def test_the_tightest_control_group_above_bounds_what_is_free(
    tmp_path, monkeypatch, version, line, root
):
    limit, use, files = memory._FILES[version]
    for name, most in (("jobs", "1000"), ("jobs/night", "9999" if version == 1 else "max")):
        folder = tmp_path / root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / limit).write_text(f"{most}\n")
        (folder / use).write_text("400\n")
        (folder / "memory.stat").write_text(f"anon 300\n{files} 100\n")
    (tmp_path / "cgroup").write_text(line)
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN", tmp_path / "cgroup")
    assert free_bytes() == 700  # 1000 - 400 used + 100 that can be dropped


def test_what_never_fits_is_refused_and_what_fits_later_waits():
    budget = MemoryBudget(10)
    with pytest.raises(MemoryError), budget.taking(11):
        pass
    order = []

    def other() -> None:
        with budget.taking(6):
            order.append("second")

    with budget.taking(6):
        waiting = threading.Thread(target=other)
        waiting.start()
        with budget.taking(4):  # beside the first
            order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def test_a_budget_without_a_total_has_no_end():
    with MemoryBudget(None).taking(2**60):
        pass


FREED = """
import resource
from pathlib import Path
from busicli.parallel.memory import return_freed

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

blocks = [bytes(60_000) for _ in range(2_000)]  # 114 MB; the last one keeps the heap's end
last = blocks[-1]
held = resident_mb()
del blocks
return_freed()
print(held - resident_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_what_was_freed_below_something_that_stays_is_given_back():
    program = [sys.executable, "-c", FREED]  # its heap holds nothing of other tests
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    assert float(ended.stdout) > 80
