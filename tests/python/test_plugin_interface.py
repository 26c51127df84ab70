"""Plugins compiled against other headers are told apart by one number. It is held to the headers here."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADERS = ROOT / "core" / "include" / "collegium"
RECORD = ROOT / "tests" / "data" / "plugin_interface.txt"  # the number and the headers' hash


def code(text: str) -> str:
    """A header without what no compiler sees: comments and white space."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"\s+", "", text)


def headers_hash() -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(HEADERS.glob("*.h")):
        if file.name == "conformance.h":  # for tests: nothing of it is in a plugin
            continue
        digest.update(f"{file.name}\0{code(file.read_text(encoding='utf-8'))}\0".encode())
    return digest.hexdigest()


def test_the_interface_number_changes_with_the_installed_headers() -> None:
    found = re.search(r"kPluginInterface = (\d+);", (HEADERS / "plugin.h").read_text())
    assert found, "plugin.h states no interface number"
    now = f"{found[1]} {headers_hash()}"
    recorded = RECORD.read_text(encoding="utf-8").strip()
    if now == recorded:
        return
    bumped = now.split()[0] != recorded.split()[0]
    advice = (
        "the number was changed with them"
        if bumped
        else "if a member, its type or order, a virtual function or the meaning of one has changed, "
        "plugins built before are now wrong: raise kPluginInterface in plugin.h"
    )
    raise AssertionError(
        f"the headers that plugins are compiled against have changed: {advice}. "
        f"Then replace the line in {RECORD.relative_to(ROOT)} by the one this test prints"
        + (f":\n{now}" if bumped else f" (as it stands: {now})")
    )


def test_comments_and_layout_do_not_count_and_order_does() -> None:
    assert code("struct A {\n  int a;  // first\n  /* then */ int b;\n};") == code(
        "struct A { int a; int b; };"
    )
    assert code("struct A { int b; int a; };") != code("struct A { int a; int b; };")
