"""Key pairs: who a site or a coordinator is."""

from __future__ import annotations

from pathlib import Path

from collegium._load import core


def new(name: str, folder: str | Path = ".") -> tuple[Path, Path]:
    """Make ``NAME.secret`` and ``NAME.public``.

    Parameters
    ----------
    name : str
        A site's name, or ``server``.
    folder : path
        Where the two files go; it is made when it is not there.

    Returns
    -------
    secret, public : Path
        The secret stays where it is, with mode 0600: whoever has it is ``name``. The public one goes to the other side.

    Raises
    ------
    CollegiumError
        When there is such a key already: it is never replaced.

    Examples
    --------
    >>> import tempfile
    >>> secret, public = new("guys", tempfile.mkdtemp())
    >>> secret.name, public.name, oct(secret.stat().st_mode & 0o777)
    ('guys.secret', 'guys.public', '0o600')
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    secret, public = core.new_keys(name, str(folder))
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


__all__ = ["new", "revoke", "secret_file"]
