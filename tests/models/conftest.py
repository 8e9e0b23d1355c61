import shutil
from pathlib import Path

import numpy as np
import pytest

from busicli.models.weights import save_weights
from tests.models.small_unet import CARD_OF_UNET, small_unet


@pytest.fixture(scope="package")
def saved(tmp_path_factory):
    """A model, the folder that its weights were saved in, and the hash of its card."""
    folder = tmp_path_factory.mktemp("weights")
    model = small_unet()
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    return model, folder, save_weights(folder, model, CARD_OF_UNET)


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(saved[1], tmp_path / "weights")
