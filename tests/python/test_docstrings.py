"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "audit",
        "privacy",
        "privacy_plan",
        "per_sample",
        "federation",
        "keys",
        "datasets.samples",
        "graph.capture",
    ],
)
def test_examples_run(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"collegium.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
