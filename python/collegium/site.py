"""A hospital's side, from Python: the same machine as ``collegium-site``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from collegium._load import core
from collegium.datasets import as_core_dataset
from collegium.datasets.arrays import own_failure
from collegium.execute import execute
from collegium.keys import secret_file, unlocked


class Site:
    """One site: its keys, its data, what it insists on.

    Parameters
    ----------
    name : str
        The name its key is registered under.
    data : data set
        As for ``Federation.simulate``: a ``FolderDataset``, arrays, or anything indexable.
    keys : path
        The site's secret key file (``collegium keys new NAME``); ``.secret`` may be left out.
    passphrase_file : path, optional
        A file with the passphrase of that key; without one a terminal or notebook is asked for it.
    server_key : path
        The coordinator's public key file.
    state : path
        Folder of the site's ledger, log and outbox; it has to live as long as the data set.
    policy : dict, optional
        The ``[policy]`` table: ``privacy``, ``models``, ``max_rounds``.
    n_public : int, optional
        The number of patients that may be known; required under privacy.
    threads : int
        Threads of one training step.
    """

    def __init__(
        self,
        name: str,
        data: Any,
        *,
        keys: str | Path,
        passphrase_file: str | Path | None = None,
        server_key: str | Path = "server.public",
        state: str | Path | None = None,
        policy: dict[str, Any] | None = None,
        n_public: int | None = None,
        threads: int = 1,
    ) -> None:
        self.name = name
        self._data = as_core_dataset(name, data)
        self.config: dict[str, Any] = {
            "site": {
                "name": name,
                "secret": str(secret_file(keys)),
                "server_key": str(Path(server_key).resolve()),
                "state": str(Path(state or f"{name}-state").resolve()),
            },
            "data": {},
            "policy": policy or {},
            "resources": {"threads": threads},
        }
        if passphrase_file is not None:
            # Links stay: "/dev/fd/3" leads to a pipe, which has no path of its own.
            self.config["site"]["passphrase_file"] = os.path.abspath(passphrase_file)
        if n_public is not None:
            self.config["data"]["n_public"] = n_public

    def join(self, address: str, *, progress: bool = True) -> None:
        """Connect to the coordinator at ``address`` and work until the run has ended.

        Raises
        ------
        CollegiumError
            When the coordinator refuses this site, with its reason.
        """
        self.config["site"]["server"] = address

        with unlocked(self.config["site"]) as table:

            def work(on_event: Any, stop: Any) -> None:
                try:
                    core.join({**self.config, "site": table}, self._data, on_event, stop)
                except Exception as error:  # of the user's own code: with its traceback
                    raise error from own_failure([self._data])

            execute(work, title=f"site {self.name}", rounds=0, progress=progress)

    def __repr__(self) -> str:
        return f"<Site {self.name!r}>"


__all__ = ["Site"]
