"""Loads the compiled core once, after torch, and refuses a torch it was not compiled for."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import torch

from collegium._places import announced

try:
    from collegium import _core as core
except ImportError as error:
    if "cannot open shared object" not in str(error):
        raise
    raise ImportError(
        f"{error}; collegium uses the ZeroMQ, libsodium, OpenSSL and SQLite of the system: "
        "apt-get install libzmq5 libsodium23 libssl3 libsqlite3-0",
        name="collegium",
    ) from error

_present = ".".join(torch.__version__.split("+")[0].split(".")[:2])
_compiled = ".".join(core.torch_version.split("+")[0].split(".")[:2])
if _present != _compiled:
    raise ImportError(
        f"this build of collegium was compiled against torch {core.torch_version}, but torch "
        f"{torch.__version__} is installed; install 'torch=={_compiled}.*', or build collegium again "
        "with pip install --no-build-isolation .",
        name="collegium",
    )


def announce() -> dict[EntryPoint, str]:
    """Tell the core which installed packages have plugins, also those installed since; why some cannot be used."""
    folders, refused = announced()
    core.set_plugin_folders([str(folder) for folder in folders])
    return refused


announce()

__all__ = ["announce", "core"]
