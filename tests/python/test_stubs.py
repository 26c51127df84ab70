"""The stubs in the repository are those of the module that was compiled."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings"))

import stubs  # noqa: E402


def test_the_stubs_are_those_of_the_compiled_module() -> None:
    kept = {file.name: file.read_text(encoding="utf-8") for file in stubs.STUBS.glob("*.pyi")}
    now = stubs.generate()
    changed = sorted(name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name))
    assert not changed, (
        f"the bindings have changed and {', '.join(changed)} in {stubs.STUBS.relative_to(ROOT)} "
        "not with them; run ./dev stubs and commit what it writes"
    )


def test_type_checkers_are_told_that_the_package_has_types() -> None:
    assert (files("collegium") / "py.typed").is_file()
