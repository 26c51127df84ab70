"""Where the installed package keeps what is not Python, and what other packages announce. Imports nothing heavy."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import collegium

GROUP = "collegium.plugins"


def installed(name: str) -> Path:
    """A folder beside the compiled core: "cmake", "include", "templates", ..."""
    for root in collegium.__path__:  # two where the Python sources are used from a checkout
        if (Path(root) / name).is_dir():
            return Path(root) / name
    raise FileNotFoundError(
        f"the folder '{name}' is missing from {' and '.join(collegium.__path__)}: install collegium again"
    )


def announced() -> tuple[list[Path], dict[EntryPoint, str]]:
    """Folders of installed packages with an entry point ``collegium.plugins``, and why others have none.

    Nothing of such a package is imported: its value names the folder that holds the libraries.
    """
    folders: list[Path] = []
    refused: dict[EntryPoint, str] = {}
    for point in entry_points(group=GROUP):
        try:
            spec = find_spec(point.value)
            found = [Path(place) for place in (spec and spec.submodule_search_locations) or []]
        except (ImportError, ValueError) as error:
            refused[point] = f"the package '{point.value}' cannot be found: {error}"
            continue
        if any(folder.is_dir() for folder in found):
            folders += [folder for folder in found if folder.is_dir()]
        else:
            refused[point] = (
                f"its entry point names '{point.value}', and no such folder is installed; install the plugin again"
            )
    return folders, refused
