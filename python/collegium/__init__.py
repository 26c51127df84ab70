"""Federated learning for medical imaging: a C++ runtime, scripted from Python.

    import collegium as cg

    federation = cg.Federation(model=cg.networks.SegResNet(init_filters=8), rounds=20)
    run = federation.simulate(cg.datasets.brain_sites(count=4))
    run.history

Names are loaded when they are first used, so that ``import collegium`` alone costs neither torch nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what static tools see; at run time __getattr__ below does the same lazily
    from collegium import (
        datasets,
        keys,
        losses,
        metrics,
        networks,
        nifti,
        plugins,
        privacy,
        records,
    )
    from collegium.aggregation import aggregate
    from collegium.errors import (
        BudgetExhausted,
        CaptureError,
        CollegiumError,
        ConfigError,
        DataError,
        PluginError,
        ProtocolError,
        SystemError,
    )
    from collegium.evaluation import evaluate, predict
    from collegium.federation import Federation
    from collegium.graph.capture import capture
    from collegium.ledger import Ledger
    from collegium.optimizers import SGD, Adam
    from collegium.privacy import DPSGD, SiteDP
    from collegium.resumption import resume
    from collegium.run import Run
    from collegium.site import Site

_HOME = {
    "capture": "graph.capture",
    "Federation": "federation",
    "resume": "resumption",
    "Site": "site",
    "Ledger": "ledger",
    "Run": "run",
    "Adam": "optimizers",
    "SGD": "optimizers",
    "DPSGD": "privacy",
    "SiteDP": "privacy",
    "aggregate": "aggregation",
    "evaluate": "evaluation",
    "predict": "evaluation",
    "CaptureError": "errors",
    "CollegiumError": "errors",
    "ConfigError": "errors",
    "PluginError": "errors",
    "ProtocolError": "errors",
    "BudgetExhausted": "errors",
    "DataError": "errors",
    "SystemError": "errors",
}
_MODULES = (
    "datasets",
    "keys",
    "losses",
    "metrics",
    "networks",
    "nifti",
    "plugins",
    "privacy",
    "records",
)

__all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("collegium")
    if name in _MODULES:
        return importlib.import_module(f"collegium.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"collegium.{_HOME[name]}"), name)
    raise AttributeError(f"module 'collegium' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
