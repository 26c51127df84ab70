"""SECURITY.md names an attack for every promise: each is a test of this repository."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def table() -> dict[str, str]:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    section = page.split("## Who attacks it in the tests")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {promise: attacks for promise, attacks in rows[1:]}


@cache
def existing_tests() -> set[str]:
    names = set()
    for file in (ROOT / "tests").rglob("*.cpp"):
        text = file.read_text(encoding="utf-8")
        names |= {
            f"{suite}.{name}"
            for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", text, re.M)
        }
    for file in (ROOT / "tests").rglob("CMakeLists.txt"):
        names |= set(re.findall(r"add_test\(NAME ([\w.]+)", file.read_text(encoding="utf-8")))
    for file in (ROOT / "tests" / "python").glob("test_*.py"):
        names |= set(
            re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.M)
        )
    return names


@pytest.mark.parametrize(("promise", "attacks"), table().items())
def test_every_promise_is_attacked_by_tests_that_exist(promise: str, attacks: str) -> None:
    named = {name for name in re.findall(r"`([\w.]+)`", attacks)}
    assert named, promise
    assert named <= existing_tests(), f"no such test: {sorted(named - existing_tests())}"
