"""Which aggregators and privacy mechanisms there are, and why a file was refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from collegium._load import core

if TYPE_CHECKING:
    import pandas as pd


def list(paths: Sequence[str | Path] = ()) -> pd.DataFrame:
    """A row a name: kind, plugin, version, file, hash; a refused file has its reason instead.

    Looks in ``paths``, in ``COLLEGIUM_PLUGIN_PATH`` and in the package's own folder.
    """
    import pandas as pd

    return pd.DataFrame(core.plugins([str(p) for p in paths]))


__all__ = ["list"]
