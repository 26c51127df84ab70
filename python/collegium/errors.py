"""The exceptions of the C++ core. Each text says where, what, expected, found and what to do."""

from __future__ import annotations

from collegium._load import core

CollegiumError = core.CollegiumError
ConfigError = core.ConfigError
PluginError = core.PluginError
ProtocolError = core.ProtocolError
BudgetExhausted = core.BudgetExhausted
DataError = core.DataError
SystemError = core.SystemError

__all__ = [
    "BudgetExhausted",
    "CollegiumError",
    "ConfigError",
    "DataError",
    "PluginError",
    "ProtocolError",
    "SystemError",
]
