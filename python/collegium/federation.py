"""Describe a federation once; simulate it here, or serve it to hospitals."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from collegium._load import announce, core
from collegium.aggregation import AggregatorFunction, PythonAggregator
from collegium.datasets import as_core_dataset
from collegium.datasets.arrays import own_failure
from collegium.errors import ConfigError
from collegium.execute import Work, execute
from collegium.graph.own_model import Loss, OwnModel
from collegium.keys import secret_file, unlocked
from collegium.ledger import Ledger
from collegium.live_run import LiveRun
from collegium.networks import Network
from collegium.optimizers import SGD, Adam
from collegium.privacy import DPSGD, SiteDP
from collegium.run import Run
from collegium.run_folder import free_folder, keep_initial, kept

if TYPE_CHECKING:
    from collegium.graph.capture import CapturedModel

Plugin = str | tuple[str, Mapping[str, Any]]


def _plugin(value: Plugin) -> dict[str, Any]:
    name, settings = (value, {}) if isinstance(value, str) else value
    return {"name": name, **settings}


class Federation:
    """A model, how it is trained, how updates are combined and what privacy is promised.

    Parameters
    ----------
    model : torch.nn.Module, Network or str
        Any module that ``torch.export`` takes: it travels to the sites as data, never as code (docs/graph_models.md). Or
        a built-in network; a name stands for its defaults. A module or ``Network`` also gives the initial weights.
    loss : callable, DiceLoss or str
        With a module: any ``loss(outputs, targets)`` that returns a scalar or one number a sample; it travels too.
        "dice", "dice_bce", "cross_entropy" or "mse" are built in; a ``DiceLoss`` chooses its terms.
    optimizer : Adam or SGD
        Local optimizer; Adam's moments restart every round unless told otherwise.
    batch_size : int
        Samples a step. Under privacy: the expected number.
    local_epochs, local_steps : int, optional
        Work of a site in a round; exactly one. Default: 2 epochs (Li et al. 2019).
    rounds : int
        Federated rounds.
    aggregator : str, (str, settings) or callable
        How updates are combined: "weighted_mean", or a plugin's. For exploring in ``simulate`` also a function of
        ``(updates, weights)``: float32 of shape (sites, values), float64 of shape (sites,); it returns the change of the
        model, of shape (values,). It claims nothing: no linearity, no bound of what one site changes.
    mechanism : str or (str, settings), optional
        What a site does to a whole update before it leaves: "percentile", "sparse_vector", or a plugin's.
    privacy : DPSGD or SiteDP, optional
        Privacy of patients, by DP-SGD inside each site, or of whole sites, by noise on their updates.
    secure_aggregation : bool or mapping
        Whether only the sum of the updates is ever opened, in a simulation by the steps of the real thing. A mapping has
        the keys of ``[secure_aggregation]``: ``clip``, ``max_weight``, ``scale_bits``, ``threshold``, ``step_deadline``.
        Losses and metrics then stay at the sites.
    weighting : {"iterations", "subjects", "equal"}
        Weight of a site's update.
    trainable : sequence of str, optional
        Substrings of the parameters that are trained ("norm", "bias", "head"); default: all.
    min_sites : int, optional
        Results a round needs to close; default: all sites, or 1 where cohorts are drawn.
    cohort_rate : float
        Probability with which each site is asked in a round. It spares work, not privacy: epsilon counts every round.
    round_deadline : float
        Seconds a round may take.
    disjoint_patients : bool
        You attest that no patient has records at two sites. Otherwise the sum of the sites' epsilons is told beside the
        largest.
    evaluate_every : int
        Rounds between evaluations on the sites' own validation subjects; 0: never.
    seed : int
        Of everything reproducible. Noise that protects people has no seed.
    training : mapping, optional
        Further keys of the ``[training]`` table: crop, flip, validation, lr_schedule, ... (docs/configuration.md).
    plugins : sequence of path
        Plugin files or folders.
    name : str
        Shown in tables, logs and the report.
    example : (inputs, targets), optional
        A small batch like those of the sites, by whose shapes a module is captured, here and now. Without it that waits
        for ``simulate``, which looks at the first site's data; ``serve`` and ``to_toml`` cannot do without it.

    Attributes
    ----------
    config : dict
        Tables and keys of ``federation.toml``.
    captured : CapturedModel or None
        The module as data, once it has been captured.

    Examples
    --------
    >>> federation = Federation(model="linear", loss="mse", optimizer=SGD(lr=0.1), rounds=3)
    >>> federation.config["federation"]["rounds"]
    3
    """

    def __init__(
        self,
        *,
        model: torch.nn.Module | Network | str = "segresnet",
        loss: Loss = "dice",
        optimizer: Adam | SGD | None = None,
        batch_size: int = 1,
        local_epochs: int | None = None,
        local_steps: int | None = None,
        rounds: int = 20,
        aggregator: Plugin | AggregatorFunction = "weighted_mean",
        mechanism: Plugin | None = None,
        privacy: DPSGD | SiteDP | None = None,
        secure_aggregation: bool | Mapping[str, Any] = False,
        weighting: Literal["iterations", "subjects", "equal"] = "iterations",
        trainable: Sequence[str] = (),
        min_sites: int | None = None,
        cohort_rate: float = 1.0,
        round_deadline: float = 3600.0,
        evaluate_every: int = 1,
        disjoint_patients: bool = False,
        seed: int = 1,
        training: Mapping[str, Any] | None = None,
        plugins: Sequence[str | Path] = (),
        name: str = "federation",
        example: tuple[Any, Any] | None = None,
    ) -> None:
        if local_epochs is None and local_steps is None:
            local_epochs = 2
        self._own = OwnModel.of(model, loss)
        if self._own is not None:
            network, loss_table = {"name": "graph"}, self._own.loss_settings()
        else:
            network = dict(model.settings) if isinstance(model, Network) else {"name": model}
            loss_table = {"name": loss} if isinstance(loss, str) else loss.settings()
        if trainable:
            network["trainable"] = list(trainable)
        table: dict[str, Any] = {
            **(optimizer or Adam()).settings(),
            "batch_size": batch_size,
            "weighting": weighting,
            "loss": loss_table,
            **(training or {}),
        }
        if local_epochs is not None:
            table["local_epochs"] = local_epochs
        if local_steps is not None:
            table["local_steps"] = local_steps
        self._model = model if isinstance(model, Network) else None
        named = isinstance(aggregator, (str, tuple))
        self._function = None if named else aggregator
        self.config: dict[str, Any] = {
            "federation": {
                "name": name,
                "rounds": rounds,
                "cohort_rate": float(cohort_rate),
                "round_deadline": float(round_deadline),
                "evaluate_every": evaluate_every,
                "disjoint_patients": disjoint_patients,
                "seed": seed,
            },
            "network": network,
            "training": table,
            "aggregator": _plugin(aggregator)
            if named
            else {"name": "python", "function": PythonAggregator(aggregator).name},
        }
        if min_sites is not None:
            self.config["federation"]["min_sites"] = min_sites
        if mechanism is not None:
            self.config["mechanism"] = _plugin(mechanism)
        if privacy is not None:
            self.config["privacy"] = privacy.settings()
        if secure_aggregation is not False:
            asked = {} if secure_aggregation is True else dict(secure_aggregation)
            self.config["secure_aggregation"] = {"enabled": True, **asked}
        if plugins:
            self.config["plugins"] = {"paths": [str(Path(p).resolve()) for p in plugins]}
        announce()
        with _lent(self._function and PythonAggregator(self._function), self.config) as config:
            core.check_federation(config)  # a mistake is refused here, not when sites are waiting
        if self._own is not None and example is not None:
            self._own.capture(example)

    @classmethod
    def from_toml(cls, path: str | Path) -> Federation:
        """The federation of a configuration file."""
        federation = cls.__new__(cls)
        federation._model = federation._own = federation._function = None
        announce()
        federation.config = core.load_federation(str(path))
        return federation

    @property
    def captured(self) -> CapturedModel | None:
        """The module as data, once it has been captured; prints what it takes and which sizes are fixed."""
        return self._own.captured if self._own is not None else None

    def to_toml(self, network_file: str | Path | None = None) -> str:
        """The configuration as a file's text: ``collegium server`` takes it.

        Parameters
        ----------
        network_file : path, optional
            Where to write a module of one's own as data, and what the text names; needed with such a module.
        """
        if self._own is None:
            return core.to_toml(self.config)
        if network_file is None:
            raise ConfigError(
                "a network of one's own travels as a file: expected to_toml('network.safetensors')"
            )
        self._own.require().save(network_file)
        config = {**self.config, "network": {**self.config["network"], "file": str(network_file)}}
        return core.to_toml(config)

    def simulate(
        self,
        sites: Mapping[str, Any],
        *,
        folder: str | Path | None = None,
        ledgers: Mapping[str, Ledger | str | Path] | None = None,
        threads: int | None = None,
        progress: bool = True,
        wait: bool = True,
    ) -> Run:
        """Run the federation in this process, on all cores, over the same state machines as the real thing.

        Parameters
        ----------
        sites : mapping
            Site name to data set: a ``FolderDataset``, a pair of arrays ``(inputs, targets)`` whose first axis counts
            samples (NumPy or torch, shared without copying), or anything indexable that yields such pairs.
        folder : path, optional
            Where the run is kept; default ``runs/NAME``, numbered when it is taken. A folder that holds this simulation
            already goes on after its last closed round.
        ledgers : mapping, optional
            Site name to the ledger, or its state folder, that holds a lifetime budget for the site's patients: the run is
            charged there and refused when it does not fit. Sites without one are accounted in the run's folder alone.
        threads : int, optional
            Sites that train at the same time; default: the number of cores.
        progress : bool
            Show a live table.
        wait : bool
            Return when the run has ended. Otherwise at once, with a :class:`~collegium.live_run.LiveRun`: ``for round in
            run`` yields rounds as they close, ``run.stop()`` ends it, ``run.wait()`` shows the live table.

        Returns
        -------
        Run
            A ``LiveRun`` unless ``wait``.
        """
        config = self._with_sites(list(sites))
        target = free_folder(
            Path(folder) if folder else Path("runs") / config["federation"]["name"],
            named=folder is not None,
        )
        config["run"] = {"folder": str(target.resolve())}
        data = {name: as_core_dataset(name, value) for name, value in sites.items()}
        if self._own is not None:
            config["network"]["file"] = self._own.file_in(target, sites, config["training"])
        initial = self._initial(config)
        charged = {name: _data_set(name, ledger) for name, ledger in (ledgers or {}).items()}
        if strangers := sorted(set(charged) - set(sites)):
            raise ConfigError(f"ledgers names sites that take no part: {', '.join(strangers)}")

        function = PythonAggregator(self._function) if self._function else None

        def work(on_event: Any, stop: Any) -> None:
            start = time.perf_counter()
            with _lent(function, config) as named:
                try:
                    core.simulate(named, data, initial, charged, threads or 0, on_event, stop)
                except Exception as error:  # of the user's own code: with its traceback
                    raise error from own_failure(data.values())
            if function:
                cost = function.cost(time.perf_counter() - start)
                core.add_to_log(str(target), cost)
                on_event({"kind": "log", "level": "python", "site": "", "text": cost})

        given = initial if self._model is not None else None
        return self._go(work, config, initial=given, progress=progress, wait=wait)

    def serve(
        self,
        address: str = "tcp://*:7700",
        *,
        keys: str | Path = "keys/server.secret",
        site_keys: str | Path = "keys/sites",
        sites: Sequence[str] | None = None,
        folder: str | Path | None = None,
        progress: bool = True,
        wait: bool = True,
    ) -> Run:
        """Wait for hospitals at ``address``, run the federation with them, and return the run.

        Parameters
        ----------
        address : str
            Where to listen, e.g. ``tcp://*:7700``.
        keys : path
            The server's secret key file (``collegium keys new server``); ``.secret`` may be left out. For one under a
            passphrase a terminal or notebook is asked, unless ``[server] passphrase_file`` names a file.
        site_keys : path
            Folder with one ``NAME.public`` for each site.
        sites : sequence of str, optional
            Names of the sites; default: those of the configuration, or every key in ``site_keys``.
        folder : path, optional
            Where the run is kept; a folder that holds this run already is resumed.
        progress : bool
            Show a live table.
        wait : bool
            As for ``simulate``.
        """
        if self._function:
            raise ConfigError(
                f"the aggregator {self.config['aggregator']['function']} is written in Python, which is for exploring in "
                "simulate(): a run among hospitals has to go on in another process after a crash. "
                "'collegium new-plugin aggregator NAME' makes a plugin of it"
            )
        names = list(sites or self.config["federation"].get("sites", ())) or sorted(
            p.stem for p in Path(site_keys).glob("*.public")
        )
        config = self._with_sites(names)
        target = Path(folder) if folder else Path("runs") / config["federation"]["name"]
        config["run"] = {"folder": str(target.resolve())}
        config["server"] = {
            **config.get("server", {}),
            "address": address,
            "secret": str(secret_file(keys)),
            "site_keys": str(Path(site_keys).resolve()),
        }
        if self._own is not None:
            config["network"]["file"] = self._own.file_in(target)
        elif "initial" not in config["network"]:
            keep_initial(config, self._initial(config), target)

        door = unlocked(config["server"])

        def work(on_event: Any, stop: Any) -> None:
            with door as server:
                core.serve({**config, "server": server}, on_event, stop)

        return self._go(work, config, progress=progress, wait=wait)

    def _go(
        self, work: Work, config: dict[str, Any], *, progress: bool, wait: bool, initial: Any = None
    ) -> Run:
        folder, table = Path(config["run"]["folder"]), config["federation"]
        keeping = kept(work, config, initial)
        if wait:
            execute(keeping, title=table["name"], rounds=table["rounds"], progress=progress)
            return Run(folder, author=self._author)
        return LiveRun(
            folder, keeping, title=table["name"], rounds=table["rounds"], author=self._author
        )

    @property
    def _author(self) -> torch.nn.Module | None:
        return None if self._own is None else self._own.module

    def _with_sites(self, names: list[str]) -> dict[str, Any]:
        if not names:
            raise ConfigError("no sites: expected at least one site name")
        announce()
        config = {key: dict(value) for key, value in self.config.items()}
        config["federation"]["sites"] = names
        return config

    def _initial(self, config: dict[str, Any]) -> Any:
        """The network whose weights the run starts from, as the core's object; seeded when none was given."""
        if config["network"]["name"] == "graph":
            return None  # its file holds them
        if self._model is not None:
            return self._model._core
        settings = {k: v for k, v in config["network"].items() if k not in ("initial", "trainable")}
        network = core.Network(settings, config["federation"].get("seed", 1))
        if config["network"].get("initial"):
            network.load(config["network"]["initial"])
        return network

    def __repr__(self) -> str:
        table = self.config
        unit = table["privacy"].get("unit", "patient") if "privacy" in table else None
        network = table["network"]["name"] if self._own is None else self._own.name
        return (
            f"<Federation {table['federation']['name']!r}: {network}, {table['federation']['rounds']} rounds, "
            f"{table['aggregator']['name']}, {f'{unit}-level privacy' if unit else 'no privacy'}>"
        )


def _lent(function: PythonAggregator | None, config: dict[str, Any]) -> Any:
    """A context in which the core can call the function; its value is the configuration that names it."""
    if function is None:
        return nullcontext(config)
    return function.lent(config)


def _data_set(site: str, ledger: Ledger | str | Path) -> tuple[str, str]:
    """The state folder, and the site's data set in it: the only one, or the one with the site's name."""
    known = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
    names = known.datasets
    if len(names) != 1 and site not in names:
        raise ConfigError(
            f"{known.folder}: expected one data set, or one named {site!r}; found: {', '.join(names) or 'none'}"
        )
    return str(known.folder.resolve()), site if site in names else names[0]


__all__ = ["Federation"]
