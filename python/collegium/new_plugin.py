"""Makes the folder of a new plugin from a template that builds, is tested and does something useful."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from collegium._places import installed

Kind = Literal["aggregator", "privacy"]
RESERVED = {"all", "clean", "depend", "edit_cache", "help", "install", "rebuild_cache", "test"}
OURS = {"weighted_mean", "coordinate_median", "percentile", "sparse_vector", "collegium", "python"}


def new_plugin(kind: Kind, name: str, folder: str | Path | None = None) -> Path:
    """Write the folder of a plugin and return its path.

    Parameters
    ----------
    kind : {"aggregator", "privacy"}
        An aggregator combines the updates of a round; a privacy mechanism changes a site's update before it leaves.
    name : str
        Of the plugin and of what it offers: lower-case words joined by underscores.
    folder : path, optional
        Default: ``name`` in the current folder. It may exist if it is empty.

    Raises
    ------
    ValueError
        The kind or name cannot be used, or the folder has something in it.
    """
    if kind not in ("aggregator", "privacy"):
        raise ValueError(f"expected a kind of plugin: aggregator or privacy, found {kind!r}")
    _check(name)
    target = Path(folder) if folder is not None else Path(name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(
            f"{target} exists already; expected a new or empty folder: name another one after the plugin's name"
        )
    template = installed("templates") / kind
    renamed = {
        f"my_{kind}": name,
        f"my-{kind}": name.replace("_", "-"),
        f"My{kind.title()}": "".join(word.title() for word in name.split("_")),
    }

    def fill(text: str) -> str:
        for old, new in renamed.items():
            text = text.replace(old, new)
        return text

    for source in sorted(p for p in template.rglob("*") if p.is_file()):
        file = target / fill(source.relative_to(template).as_posix())
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(fill(source.read_text(encoding="utf-8")), encoding="utf-8")
    return target


def _check(name: str) -> None:
    if not re.fullmatch(r"[a-z](_?[a-z0-9]+)*", name) or len(name) > 48:
        words = [w.lower() for w in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]
        better = re.sub(r"^[0-9_]+", "", "_".join(words))[:48]
        raise ValueError(
            f"a plugin cannot be named {name!r}; expected lower-case words joined by underscores, at most 48 characters"
            + (f": did you mean {better!r}?" if better else "")
        )
    if name in RESERVED:
        raise ValueError(f"CMake keeps the name {name!r} for itself; expected another one")
    if name in OURS:
        raise ValueError(f"{name!r} is a name that Collegium itself uses; expected another one")


__all__ = ["new_plugin"]
