"""Which aggregators and privacy mechanisms there are, and why a file was refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from collegium._load import announce, core

if TYPE_CHECKING:
    import pandas as pd


def list(paths: Sequence[str | Path] = ()) -> pd.DataFrame:
    """A row a name: kind, plugin, version, file, hash; a refused file has its reason instead.

    Looks in ``paths``, in ``COLLEGIUM_PLUGIN_PATH``, in the package's own folder and in those of installed packages with
    an entry point ``collegium.plugins``.
    """
    import pandas as pd

    refused = announce()
    rows = core.plugins([str(p) for p in paths])
    for point, reason in refused.items():
        rows.append(dict.fromkeys(rows[0], "") | {"file": point.value, "refused": reason})
    return pd.DataFrame(rows)


__all__ = ["list"]
