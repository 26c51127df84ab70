"""What the built package requires: torch of the minor version it is compiled against, and the pure Python rest."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def dynamic_metadata(
    field: str, settings: Mapping[str, Any], project: Mapping[str, Any] | None = None
) -> list[str]:
    """Called by scikit-build-core. C++ extensions of one torch do not load with the next."""
    try:
        major, minor = version("torch").split(".")[:2]
    except PackageNotFoundError:
        raise SystemExit(
            "collegium is compiled against the torch that is installed: pip install torch, "
            "then pip install --no-build-isolation"
        ) from None
    return [f"torch=={major}.{minor}.*", *settings["others"]]
