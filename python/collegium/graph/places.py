"""Finds the author's own line: in an exception, in a node of an exported graph, or in the call stack."""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
import traceback
from pathlib import Path
from types import FrameType

import torch

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
_TORCH = str(Path(torch.__file__).resolve().parent) + os.sep
_OURS = str(Path(__file__).resolve().parents[1]) + os.sep
_STANDARD = sysconfig.get_paths()["stdlib"] + os.sep


def is_authors(file: str) -> bool:
    """Whether a source file is the author's, or of a library she builds on: not Python's, torch's or ours."""
    parts = Path(file).parts
    if file.startswith(("<", _TORCH, _OURS)) or "sympy" in parts:
        return False
    return "site-packages" in parts or not file.startswith(_STANDARD)


def place(file: str, line: int, function: str) -> str:
    """One place as messages print it: file, line, function and the source line where it can be read."""
    source = linecache.getline(file, line).strip()
    shown = "notebook cell" if "ipykernel" in file else file
    return f"{shown}:{line} in {function}" + (f": {source}" if source else "")


def of_stack() -> str:
    """The innermost line of the author that export is executing; empty when there is none."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "_export" and code.co_filename.startswith(_OURS):
            return ""  # what called us is not what is being exported
        if is_authors(code.co_filename):
            return place(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back
    return ""


def of_error(error: BaseException) -> str:
    """The innermost line of the author that an exception, or what caused it, went through."""
    seen: BaseException | None = error
    while seen is not None:
        for summary in reversed(traceback.extract_tb(seen.__traceback__)):
            if is_authors(summary.filename):
                return place(summary.filename, summary.lineno or 0, summary.name)
        seen = seen.__cause__ or seen.__context__
    return ""


def of_node(node: torch.fx.Node) -> str:
    """The innermost line of the author that made a node of an exported graph."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    for file, line, function in reversed(frames):
        if is_authors(file):
            return place(file, int(line), function)
    return ""


__all__ = ["is_authors", "of_error", "of_node", "of_stack", "place"]
