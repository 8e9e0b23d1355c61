"""A real single-node Slurm runs the sbatch script that ships."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.segmented import results

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
SCRIPT = Path(__file__).parents[2] / "examples" / "segment.sbatch"
pytestmark = [
    pytest.mark.skipif(
        not all(map(shutil.which, PROGRAMS)),
        reason="Slurm (Debian packages slurm-wlm and munge) is not installed",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="Slurm's daemons need to be started as root"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(folder: Path) -> str:
    host = socket.gethostname().partition(".")[0]
    return f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=4096 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory) -> Iterator[dict[str, str]]:
    """The environment in which sbatch finds a cluster of this one machine."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "slurm.conf").write_text(configuration(folder))
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    names = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munged.pid"}
    names |= {"log-file": "munged.log", "seed-file": "munge.seed"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
    daemons = [
        ["munged", "--foreground", "--force", *(f"--{k}={folder / v}" for k, v in names.items())],
        ["slurmctld", "-D"],
        ["slurmd", "-D"],
    ]
    running = []
    try:
        for daemon in daemons:
            running.append(
                subprocess.Popen(
                    daemon, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
            time.sleep(1)
        for _ in range(30):
            found = subprocess.run(
                ["sinfo", "-h", "-o", "%t"], env=environment, capture_output=True, check=False
            )
            if found.stdout.strip() == b"idle":
                break
            time.sleep(1)
        else:
            pytest.skip("Slurm does not start here")
        yield environment
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(30)


def submit(environment: dict[str, str], folder: Path, *args: str) -> None:
    """Run the script as a job array and wait until it, and the merge it asked for, are gone."""
    command = ["sbatch", *args]
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
    for _ in range(600):
        queued = subprocess.run(
            ["squeue", "-h"], env=environment, capture_output=True, text=True, check=True
        )
        if not queued.stdout.strip():
            return
        time.sleep(0.5)
    raise AssertionError(queued.stdout)


def test_the_shipped_script_makes_the_same_files(slurm, scans, run, tree, tmp_path):
    shutil.copytree(scans, tmp_path / "scans")
    array = ("--array=1-3", "--cpus-per-task=1", "--mem=1G", "--output=part-%a.log")
    submit(slurm, tmp_path, *array, str(SCRIPT), "scans", "out")
    logs = {path.name: path.read_text() for path in tmp_path.glob("*.log")}
    assert (tmp_path / "out" / "run.json").is_file(), logs
    assert run("segment-dir", "scans", "whole", cwd=tmp_path).status == 0
    assert results(tmp_path / "out", tree) == results(tmp_path / "whole", tree)
    assert "3 parts: 24 scans segmented" in logs["out.merge.log"]
