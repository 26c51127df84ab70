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


def secret_file(keys: str | Path) -> Path:
    """The absolute path of a secret key; its ending may be left out."""
    path = Path(keys)
    return (path if path.suffix == ".secret" else path.with_name(path.name + ".secret")).resolve()


__all__ = ["new", "secret_file"]
