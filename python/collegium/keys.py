"""Key pairs: who a site or a coordinator is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from getpass import getpass
from pathlib import Path
from typing import Any

from collegium._load import core
from collegium._toml import loads


def new(
    name: str, folder: str | Path = ".", *, passphrase: str | None = None, expires: str = ""
) -> tuple[Path, Path]:
    """Make ``NAME.secret`` and ``NAME.public``.

    Parameters
    ----------
    name : str
        A site's name, or ``server``.
    folder : path
        Where the two files go; it is made when it is not there.
    passphrase : str, optional
        Of at least 8 bytes: the secret file is then of no use to whoever does not know it.
    expires : str, optional
        The last day the key counts, as ``"2027-12-31"`` (UTC); default: it stays.

    Returns
    -------
    secret, public : Path
        The secret stays where it is, with mode 0600: whoever has it is ``name``. The public one goes to the other side.

    Raises
    ------
    CollegiumError
        When there is such a key already: it is never replaced. When ``expires`` is no day or is over.

    Examples
    --------
    >>> import tempfile
    >>> secret, public = new("guys", tempfile.mkdtemp())
    >>> secret.name, public.name, oct(secret.stat().st_mode & 0o777)
    ('guys.secret', 'guys.public', '0o600')
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    secret, public = core.new_keys(name, str(folder), passphrase, expires)
    return Path(secret), Path(public)


def revoke(name: str, site_keys: str | Path) -> list[Path]:
    """Let nobody in as ``name`` any more: its files in the coordinator's folder of sites are renamed to ``.revoked``.

    A coordinator that runs takes notice within a second: what the site sends from then on is dropped, on open lines too.

    Returns
    -------
    list of Path
        Where the files are now.

    Raises
    ------
    FileNotFoundError
        When the folder has no key of that name.

    Examples
    --------
    >>> import tempfile
    >>> sites = tempfile.mkdtemp()
    >>> _ = new("guys", sites)
    >>> [file.name for file in revoke("guys", sites)]
    ['guys.revoked']
    """
    from collegium.records import public_keys

    moved = []
    for file in sorted(Path(site_keys).glob("*.public")):
        if name in public_keys(file):
            moved.append(file.rename(file.with_suffix(".revoked")))
    if not moved:
        raise FileNotFoundError(f"no key of {name!r} is in {site_keys}")
    return moved


def secret_file(keys: str | Path) -> Path:
    """The absolute path of a secret key; its ending may be left out."""
    path = Path(keys)
    return (path if path.suffix == ".secret" else path.with_name(path.name + ".secret")).resolve()


def unlocked(table: dict[str, Any]) -> AbstractContextManager[dict[str, Any]]:
    """Ask whoever sits here for the passphrase of a ``[site]`` or ``[server]`` table's secret key, if it has one.

    Returns
    -------
    context manager
        In it the table says where the passphrase comes from: a pipe, which can be read once.
    """
    asked = sys.stdin is not None and (sys.stdin.isatty() or "ipykernel" in sys.modules)
    secret = Path(table.get("secret", ""))
    if table.get("insecure") or table.get("passphrase_file") or not asked or not _locked(secret):
        return nullcontext(table)
    return _handed_over(table, getpass(f"Passphrase of {secret.name}: "))


def _locked(secret: Path) -> bool:
    try:
        return "locked" in loads(secret.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # the core says what is wrong with it


@contextmanager
def _handed_over(table: dict[str, Any], passphrase: str) -> Iterator[dict[str, Any]]:
    ours, theirs = os.pipe()
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as end:
            end.write(passphrase + "\n")
        yield {**table, "passphrase_file": f"/dev/fd/{ours}"}
    finally:
        os.close(ours)


__all__ = ["new", "revoke", "secret_file", "unlocked"]
