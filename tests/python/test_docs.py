"""The pages build without a warning, their examples run, and they name everything that is public."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import collegium as cg
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "plugins" / "README.md"])

# Examples that would take minutes are made shorter: what they say, and what is run instead.
SHORTER = {
    "batch_size=2, local_steps=20, rounds=32,": "batch_size=2, local_steps=1, rounds=1,",
    "cg.datasets.brain_sites(count=4)": "cg.datasets.brain_sites(count=4, subjects=2, held_out=1)",
    "brain_sites(count=4, seed=2026)": "brain_sites(count=4, seed=2026, subjects=2, held_out=1)",
}


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page, each behind as many empty lines as stand before it, so that errors show its line."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return ["\n" * text[: m.start(1)].count("\n") + m.group(1) for m in found]


def prepared() -> dict[str, object]:
    """What the examples take as given: a data set with a ledger, a federation, and its sites."""
    rng = np.random.default_rng(1)
    sites = {"guys": (rng.normal(size=(20, 4)).astype("f4"), rng.normal(size=(20, 3)).astype("f4"))}
    cg.Ledger.create("site-state", "gliomas", epsilon=8.0, delta=1e-3)
    federation = cg.Federation(
        model="linear", loss="mse", rounds=1, training={"crop": []}, name="example"
    )
    return {"cg": cg, "sites": sites, "federation": federation}


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_examples_of_a_page_run_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = prepared()
    for block in blocks(page, "python"):
        for long, short in SHORTER.items():
            block = block.replace(long, short)
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, "toml")], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_settings_shown_on_a_page_are_taken(page: Path, tmp_path: Path) -> None:
    from collegium._load import core

    for block in blocks(page, "toml"):
        if "[site]" not in block and "[federation]" not in block:
            continue  # a part of a file
        file = tmp_path / "example.toml"
        file.write_text(block, encoding="utf-8")
        load = core.load_site if "[site]" in block else core.load_federation
        assert load(str(file))


def test_commands_shown_on_the_pages_exist() -> None:
    from collegium.cli import app
    from typer.main import get_command

    known = get_command(app).commands
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.splitlines():
                called = re.match(r"^\S*\$ collegium (\S+)", line)
                assert not called or called.group(1) in known or called.group(1).startswith("-"), (
                    page,
                    line,
                )


def test_every_public_name_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    missing = []
    for name in set(cg.__all__) - {"__version__"}:
        module = f"automodule:: collegium.{cg._HOME.get(name, name)}\n"
        if f"collegium.{name}" not in text and module not in text:
            missing.append(name)
    assert not missing


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", ROOT / "docs", "-d", tmp_path / "trees", ROOT, tmp_path / "pages"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert "simulate" in (tmp_path / "pages" / "docs" / "reference.html").read_text("utf-8")
