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


class CaptureError(CollegiumError):
    """A network or loss holds something that cannot travel as data; the text names the line and what to do.

    Attributes
    ----------
    problem, where, expected, found, remedy : str
        The parts of the text, as every error of the core has them.
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str = "",
        expected: str = "",
        found: str = "",
        remedy: str = "",
    ) -> None:
        parts = (("expected: ", expected), ("found:    ", found), ("remedy:   ", remedy))
        super().__init__(
            (f"{where}: {problem}" if where else problem)
            + "".join(f"\n  {label}{text}" for label, text in parts if text)
        )
        self.problem, self.where = problem, where
        self.expected, self.found, self.remedy = expected, found, remedy


__all__ = [
    "BudgetExhausted",
    "CaptureError",
    "CollegiumError",
    "ConfigError",
    "DataError",
    "PluginError",
    "ProtocolError",
    "SystemError",
]
