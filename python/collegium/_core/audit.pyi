from __future__ import annotations
import collections.abc
import typing
__all__: list[str] = ['alarm', 'one_run_lower_bound', 'steps', 'trainer']
def one_run_lower_bound(arg0: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], arg1: collections.abc.Sequence[bool], arg2: typing.SupportsFloat | typing.SupportsIndex, arg3: typing.SupportsFloat | typing.SupportsIndex) -> float:
    ...
def steps(arg0: collections.abc.Callable) -> None:
    ...
def trainer(arg0: str, arg1: collections.abc.Callable) -> None:
    ...
alarm: float = 1e-07
