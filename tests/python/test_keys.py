"""Keys as people make and use them: with an end, under a passphrase, asked for on a terminal."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from pathlib import Path

import collegium as cg
import numpy as np
import pytest
from cluster import Cluster
from collegium import keys
from collegium._load import core
from collegium.demo.deployment import program
from collegium.records import public_keys
from typer.testing import CliRunner

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keys.new("guys", tmp_path_factory.mktemp("keys"), passphrase=PASSPHRASE)[0]


def verifies(secret: Path, signature: str) -> bool:
    (key,) = public_keys(secret.with_suffix(".public"))["guys"]
    return core.signature_holds(key, "text", signature)


def test_a_locked_key_signs_with_the_passphrase_of_a_file(locked: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    file.chmod(0o600)
    assert verifies(locked, core.sign_with(str(locked), "text", str(file)))
    file.write_text("correct hors\n")
    with pytest.raises(cg.ConfigError, match="does not open this key"):
        core.sign_with(str(locked), "text", str(file))


def test_a_passphrase_that_was_asked_for_is_handed_over_once(
    locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(keys, "getpass", lambda prompt: PASSPHRASE)
    with keys.unlocked({"secret": str(locked)}) as table:
        assert verifies(locked, core.sign_with(str(locked), "text", table["passphrase_file"]))
        assert PASSPHRASE not in str(table)


def test_a_site_takes_a_passphrase_from_a_descriptor(locked: Path) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, f"{PASSPHRASE}\n".encode())
    os.close(theirs)
    site = cg.Site(
        "guys",
        (np.zeros((2, 3), np.float32), np.zeros((2, 1), np.float32)),
        keys=locked,
        passphrase_file=f"/dev/fd/{ours}",
    )
    given = site.config["site"]["passphrase_file"]
    assert verifies(locked, core.sign_with(str(locked), "text", given))
    os.close(ours)


def on_a_terminal(arguments: list[str], typed: str) -> tuple[str, int]:
    """What it shows on a terminal of its own where somebody types, and its exit code. Half a minute at the most."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(arguments[0], arguments)
    shown, answered, end = "", False, time.monotonic() + 30
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the child closed it
            break
        if not piece:
            break
        shown += piece.decode()
        if not answered and "Passphrase of " in shown:
            answered = True
            os.write(terminal, typed.encode())
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_the_core_asks_on_a_terminal_and_shows_nothing_of_what_is_typed(locked: Path) -> None:
    code_of_child = (
        f"from collegium._load import core; print(core.sign_with({str(locked)!r}, 'text'))"
    )
    shown, code = on_a_terminal([sys.executable, "-c", code_of_child], PASSPHRASE + "\n")
    assert code == 0, shown
    assert "Passphrase of guys's key: " in shown
    assert PASSPHRASE not in shown
    assert verifies(locked, shown.split()[-1])


def test_an_interrupt_while_it_asks_ends_it(locked: Path) -> None:
    code_of_child = f"from collegium._load import core; core.sign_with({str(locked)!r}, 'text'); print('went on')"
    shown, code = on_a_terminal([sys.executable, "-c", code_of_child], "\x03")
    assert "Passphrase of" in shown
    assert code != 0
    assert "went on" not in shown


def test_a_headless_program_interrupted_while_it_asks_was_stopped(
    locked: Path, tmp_path: Path
) -> None:
    federation = Cluster(tmp_path, data=tmp_path)
    federation.config["server"]["secret"] = str(locked)
    federation.write()
    file = tmp_path / "federation.toml"
    shown, code = on_a_terminal([program("collegium-server"), str(file)], "\x03")
    assert "Passphrase of guys's key: " in shown
    assert code == 130, shown


def test_the_command_makes_keys_that_end(tmp_path: Path) -> None:
    from collegium.cli import app

    made = CliRunner().invoke(
        app, ["keys", "new", "guys", "--folder", str(tmp_path), "--expires", "2999-12-31"]
    )
    assert made.exit_code == 0, made.output
    assert "2999-12-31" in (tmp_path / "guys.public").read_text()
    wrong = CliRunner().invoke(
        app, ["keys", "new", "kings", "--folder", str(tmp_path), "--expires", "2020-01-01"]
    )
    assert wrong.exit_code != 0
    assert not (tmp_path / "kings.secret").exists()


def test_the_command_takes_no_passphrase_from_a_pipe(tmp_path: Path) -> None:
    from collegium.cli import app

    asked = CliRunner().invoke(
        app, ["keys", "new", "guys", "--folder", str(tmp_path), "--passphrase"], input="x\n"
    )
    assert asked.exit_code == 2
    assert "terminal" in asked.output
    assert not (tmp_path / "guys.secret").exists()
