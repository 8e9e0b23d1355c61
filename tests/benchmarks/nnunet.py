"""nnU-Net's own predictor as a peer, where `pip install nnunetv2` was done: its commands alone.

Its network is planned on real scans and stays random: what is measured takes as long for any.
Isensee et al., nnU-Net, Nature Methods 18 (2021) 203, doi:10.1038/s41592-020-01008-z.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

PLANNED, FEW, MANY = 24, 4, 24
"""Scans to plan on; scans to predict, of which the difference is without the start."""
DATASET = "Dataset001_Breast"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
TRAINER = """
import json, pathlib, torch
from nnunetv2.run.run_training import get_trainer_from_args
trainer = get_trainer_from_args("1", "2d", 0, "nnUNetTrainer", device=torch.device("cpu"))
trainer.initialize()
folder = pathlib.Path(trainer.output_folder)
trainer.save_checkpoint(str(folder / "checkpoint_final.pth"))
(folder.parent / "plans.json").write_text(json.dumps(trainer.plans_manager.plans))
(folder.parent / "dataset.json").write_text(json.dumps(trainer.dataset_json))
"""


def have_nnunet() -> bool:
    """Whether it is installed, without importing it."""
    return importlib.util.find_spec("nnunetv2") is not None


def nnunet(dataset: Path, scratch: Path) -> dict[str, object]:
    """Seconds a scan of `nnUNetv2_predict` as it comes, without its start, and its start."""
    folders = {name: scratch / name for name in ("nnUNet_raw", "nnUNet_preprocessed", "results")}
    places = {**folders, "nnUNet_results": folders["results"]}
    environment = os.environ | {name: str(path) for name, path in places.items()}
    masks = sorted(dataset.rglob("*_mask.png"))
    chosen = masks[:: max(1, len(masks) // PLANNED)][:PLANNED]
    _write_dataset(chosen, folders["nnUNet_raw"] / DATASET)

    def run(*command: str) -> float:
        started = time.perf_counter()
        subprocess.run(command, env=environment, check=True, **QUIET)
        return time.perf_counter() - started

    tools = Path(sys.executable).parent
    plan = str(tools / "nnUNetv2_plan_and_preprocess")
    run(plan, "-d", "1", "-c", "2d", "-np", "1", "-npfp", "1")
    run(sys.executable, "-c", TRAINER)
    took = {}
    for count in (FEW, MANY):
        some = scratch / f"nnunet-{count}"
        some.mkdir()
        for path in sorted((folders["nnUNet_raw"] / DATASET / "imagesTr").iterdir())[:count]:
            (some / path.name).symlink_to(path)
        arguments = ("-d", "1", "-c", "2d", "-f", "0", "-device", "cpu", "-npp", "1", "-nps", "1")
        predict = str(tools / "nnUNetv2_predict")
        took[count] = run(predict, "-i", str(some), "-o", f"{some}-out", *arguments)
    scan_s = (took[MANY] - took[FEW]) / (MANY - FEW)
    return {"nnU-Net, scan_s": scan_s, "nnU-Net, start_s": took[FEW] - FEW * scan_s}


def _write_dataset(masks: list[Path], folder: Path) -> None:
    """Scans and masks as nnU-Net wants them."""
    images, labels = folder / "imagesTr", folder / "labelsTr"
    images.mkdir(parents=True)
    labels.mkdir()
    for number, mask in enumerate(masks):
        scan = mask.with_name(mask.name.replace("_mask", ""))
        with Image.open(scan) as image:
            image.convert("L").save(images / f"s{number:03d}_0000.png")
        with Image.open(mask) as image:
            image.convert("L").point(lambda grey: grey > 127).save(labels / f"s{number:03d}.png")
    document = {
        "channel_names": {"0": "ultrasound"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": len(masks),
        "file_ending": ".png",
    }
    (folder / "dataset.json").write_text(json.dumps(document))
