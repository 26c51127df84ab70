"""The check before a hospital takes part: everything in order says so, and each thing that is wrong is named with its remedy."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import collegium as cg
import pytest
from collegium._load import core
from collegium.check import check_site
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    cg.datasets.write_brain_sites(folder, 1, size="small", subjects=2, held_out=0)
    return next(p for p in sorted(folder.iterdir()) if p.is_dir())


@pytest.fixture
def port() -> Iterator[int]:
    """Somebody who greets as ZeroMQ does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                line.sendall(b"\xff")
                line.close()

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def site(tmp_path: Path, subjects: Path, port: int) -> dict[str, Any]:
    for name in ("guys", "server"):
        core.new_keys(name, str(tmp_path))
    return {
        "site": {"name": "guys", "server": f"tcp://127.0.0.1:{port}"},
        "data": {"path": str(subjects), "n_public": 2},
        "policy": {"privacy": {"epsilon": 8.0, "delta": 1e-3}},
    }


def states(folder: Path, site: dict[str, Any]) -> dict[str, tuple[str, str]]:
    file = folder / "site.toml"
    file.write_text(core.to_toml(site))
    return {finding.what: (finding.state, str(finding)) for finding in check_site(file)}


def test_a_site_in_order_is_found_so(tmp_path: Path, site: dict[str, Any]) -> None:
    found = states(tmp_path, site)
    assert {state for state, _ in found.values()} == {"ok"}, found
    assert not (tmp_path / "site-state").exists()  # it only looks


def test_each_thing_that_is_wrong_is_named_alone_with_its_remedy(
    tmp_path: Path, site: dict[str, Any]
) -> None:
    def wrong(what: str, remedy: str) -> None:
        found = states(tmp_path, site)
        assert [k for k, (state, _) in found.items() if state != "ok"] == [what], found
        assert remedy in found[what][1]

    server = site["site"]["server"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        closed = silent.getsockname()[1]
    site["site"]["server"] = f"tcp://127.0.0.1:{closed}"
    wrong("reach", "firewall")
    site["site"]["server"] = server

    (tmp_path / "guys.secret").chmod(0o644)
    wrong("keys", "chmod 600")
    (tmp_path / "guys.secret").chmod(0o600)

    shutil.move(tmp_path / "server.public", tmp_path / "kept")
    wrong("keys", "Ask the coordinator")
    shutil.move(tmp_path / "kept", tmp_path / "server.public")

    public = tmp_path / "guys.public"
    unlimited = public.read_text()
    today = datetime.now(timezone.utc).date()
    for days, state in ((-2, "wrong"), (0, "warning"), (20, "warning"), (40, "ok")):
        public.write_text(unlimited + f'expires = "{today + timedelta(days)}"\n')
        if state != "ok":
            wrong("keys", "send its .public file")
        assert states(tmp_path, site)["keys"][0] == state
    public.write_text(unlimited)

    path = site["data"]["path"]
    site["data"]["path"] = str(tmp_path / "nowhere")
    wrong("data", "nowhere")
    site["data"]["path"] = path

    site["data"]["n_public"] = 3
    wrong("data", "rounded down")
    site["data"]["n_public"] = 2

    del site["policy"]["privacy"]
    site["policy"]["max_rounds"] = 5
    wrong("policy", "[policy] privacy")


def test_the_command_says_it_with_its_exit_code(tmp_path: Path, site: dict[str, Any]) -> None:
    from collegium.cli import app

    file = tmp_path / "site.toml"
    file.write_text(core.to_toml(site))
    good = CliRunner().invoke(app, ["check", str(file)])
    assert good.exit_code == 0, good.output
    (tmp_path / "guys.secret").chmod(0o644)
    bad = CliRunner().invoke(app, ["check", str(file), "--json"])
    assert bad.exit_code == 1 and '"wrong"' in bad.output
