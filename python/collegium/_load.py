"""Loads the compiled core once, after torch, and refuses a torch it was not compiled for."""

from __future__ import annotations

import torch

from collegium import _core as core

_present = ".".join(torch.__version__.split("+")[0].split(".")[:2])
_compiled = ".".join(core.torch_version.split("+")[0].split(".")[:2])
if _present != _compiled:
    raise ImportError(
        f"this build of collegium was compiled against torch {core.torch_version}, but torch "
        f"{torch.__version__} is installed; install 'torch=={_compiled}.*', or build collegium again "
        "with pip install --no-build-isolation ."
    )

__all__ = ["core"]
