"""What several test files need: small data that can be made in no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def brain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four synthetic hospitals of three subjects each, one held out from each source."""
    from collegium.datasets import write_brain_sites

    folder = tmp_path_factory.mktemp("brain")
    write_brain_sites(folder, 4, seed=7, size="demo", subjects=3, held_out=1)
    return folder


@pytest.fixture
def regression_sites() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Three sites of different size, linear regression with noise."""
    generator = np.random.default_rng(3)
    truth = generator.normal(size=(5, 1)).astype(np.float32)
    sites = {}
    for name, count in (("a", 12), ("b", 20), ("c", 7)):
        x = generator.normal(size=(count, 5)).astype(np.float32)
        y = x @ truth + 0.1 * generator.normal(size=(count, 1)).astype(np.float32)
        sites[name] = (x, y.astype(np.float32))
    return sites
