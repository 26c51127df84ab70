"""The rules of ARCHITECTURE.md about who may include whom, read from the sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core"

# Area -> areas it may include, besides itself and the installed headers.
ALLOWED = {
    "base": set(),
    "config": {"base"},
    "vector": {"base"},
    "privacy": {"base", "config", "vector"},
    "secagg": {"base"},
    "aggregation": {"base", "vector"},
    "wire": {"base"},
    "imaging": {"base"},
    "model": {"base"},
    "store": {"base", "privacy", "vector", "model"},
    "plugin": {"base", "aggregation"},
    "federation": {"base", "vector", "secagg", "wire", "config"},
    "transport": {
        "base", "vector", "privacy", "secagg", "aggregation", "wire", "model", "store", "config", "plugin", "federation",
    },
    "runtime": {
        "base", "vector", "privacy", "secagg", "wire", "model", "store", "config", "plugin", "federation", "transport",
    },
    "torch": {"base", "config", "vector", "privacy", "imaging", "model", "federation"},
}  # fmt: skip

# Outside header -> the only areas (or files) that may include it.
OUTSIDE = {
    r"toml\+\+": {"base/settings"},
    r"sqlite3\.h": {"store"},
    r"zmq": {"transport"},
    r"openssl": {"base/keystream"},
    r"sodium": {
        "base/hash",
        "base/passphrase",
        "base/sealed",
        "base/signature",
        "privacy",
        "secagg",
    },
    r"(torch/csrc|ATen|c10)/": {"torch"},
    r"cuda": {"vector"},
    r"zlib\.h": {"imaging"},
    r"kissfft": {"privacy/pld/spectrum"},
    r"nlohmann": {"model", "imaging", "store/event_json", "store/record_log"},
    r"pybind11": set(),
}


def sources(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cpp", ".cu"))


def includes(file: Path) -> list[tuple[str, str]]:
    """(delimiter, path) of every include."""
    return re.findall(
        r'^\s*#\s*include\s+([<"])([^">]+)[">]', file.read_text(encoding="utf-8"), re.M
    )


@pytest.mark.parametrize("area", sorted(ALLOWED))
def test_an_area_includes_only_what_lies_below_it(area: str) -> None:
    for file in sources(CORE / area):
        for delimiter, path in includes(file):
            target = path.split("/")[0]
            if delimiter == '"' and target in ALLOWED:
                assert target == area or target in ALLOWED[area], (
                    f"{file.relative_to(ROOT)} includes {path}"
                )


@pytest.mark.parametrize("pattern", sorted(OUTSIDE))
def test_each_outside_library_lives_in_one_place(pattern: str) -> None:
    for file in sources(CORE):
        name = file.relative_to(CORE).as_posix()
        for delimiter, path in includes(file):
            if delimiter == "<" and re.match(pattern, path):
                assert any(name.startswith(home) for home in OUTSIDE[pattern]), (
                    f"{name} includes <{path}>"
                )


def test_installed_headers_include_only_each_other_and_the_standard_library() -> None:
    for file in sources(CORE / "include"):
        for delimiter, path in includes(file):
            inside = path.startswith("collegium/")
            if "conformance" in file.as_posix() and path in ("gtest/gtest.h", "dlfcn.h"):
                continue  # the suite is for an author's tests, and no plugin includes it
            assert inside if delimiter == '"' else "/" not in path and not path.endswith(".h"), (
                f"{file.name}: {path}"
            )


def test_plugins_see_only_installed_headers_and_their_own() -> None:
    for file in sources(ROOT / "plugins"):
        for delimiter, path in includes(file):
            if delimiter == '"':
                own = (file.parent / path).exists()
                assert own or path.startswith("collegium/"), (
                    f"{file.relative_to(ROOT)} includes {path}"
                )
