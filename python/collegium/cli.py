"""The ``collegium`` command. Exit codes: 0 done, 1 the run failed or somebody was left out, 2 bad input, 130 stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from collegium.cli_audit import audit_app
from collegium.cli_models import add_model_commands

app = typer.Typer(
    help="Federated learning for medical imaging. Start with ./dev demo, or: collegium keys new NAME",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(help="Key pairs: who a site is.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
app.add_typer(audit_app, name="audit")
add_model_commands(app)

Quiet = Annotated[bool, typer.Option("--quiet", help="Show no live table.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"collegium {version('collegium')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command()
def server(
    config: Annotated[Path, typer.Argument(help="federation.toml")], quiet: Quiet = False
) -> None:
    """Coordinate a federation: wait for the sites, run the rounds, keep the run's folder.

    A folder that holds this run already is resumed after its last closed round.
    """
    from collegium.federation import Federation

    federation = Federation.from_toml(config)
    table = federation.config["server"]
    run = federation.serve(
        table["address"],
        keys=table["secret"],
        site_keys=table["site_keys"],
        folder=federation.config["run"]["folder"],
        progress=not quiet,
    )
    typer.echo(repr(run))
    _left_out(run)
    if run.state != "finished":
        raise typer.Exit(1)


@app.command()
def site(config: Annotated[Path, typer.Argument(help="site.toml")], quiet: Quiet = False) -> None:
    """Take part with this hospital's data. Connects outwards; nothing listens here."""
    from collegium._load import core
    from collegium.execute import execute
    from collegium.keys import unlocked

    settings = core.load_site(str(config))
    name = settings["site"]["name"]
    with unlocked(settings["site"]) as table:

        def work(on_event, stop) -> None:
            core.join({**settings, "site": table}, None, on_event, stop)

        execute(work, title=f"site {name}", rounds=0, progress=not quiet)


@app.command()
def check(config: Annotated[Path, typer.Argument(help="site.toml")], json: Json = False) -> None:
    """Is this hospital ready: the coordinator's address, keys, data, disk, ledger and policy, each with its remedy.

    Joins nothing and changes nothing. Exit code 1 when something is wrong.
    """
    import dataclasses
    from json import dumps

    from collegium.check import check_site

    findings = []
    for finding in check_site(config):
        findings.append(finding)
        if not json:
            typer.echo(str(finding))
    if json:
        typer.echo(dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


@app.command()
def init(
    config: Annotated[Path, typer.Argument(help="federation.toml")],
    output: Annotated[Path, typer.Argument(help="The safetensors file to write.")] = Path(
        "initial.safetensors"
    ),
) -> None:
    """Write the initial model of a federation, for servers without LibTorch."""
    from collegium._load import core
    from collegium.federation import Federation

    federation = Federation.from_toml(config)
    core.write_initial(federation.config, federation._initial(federation.config), str(output))
    typer.echo(f"wrote {output}")


@keys_app.command("new")
def keys_new(
    name: Annotated[str, typer.Argument(help="Whose keys: a site's name, or 'server'.")],
    folder: Annotated[Path, typer.Option(help="Where the two files go.")] = Path("."),
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for one: without it the secret is of no use.")
    ] = False,
    expires: Annotated[str, typer.Option(help="The last day it counts, as 2027-12-31.")] = "",
) -> None:
    """Make NAME.secret (stays here, mode 0600) and NAME.public (goes to the other side)."""
    from collegium import keys

    chosen = None
    if passphrase:
        if not sys.stdin.isatty():
            raise typer.BadParameter("--passphrase asks on a terminal, and there is none")
        chosen = typer.prompt(f"Passphrase of {name}", hide_input=True, confirmation_prompt="Again")
    secret, public = keys.new(name, folder, passphrase=chosen, expires=expires)
    typer.echo(
        f"{secret}  stays here; whoever has it is {name}\n{public}  send this one to the other side"
    )


@keys_app.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="The site's name.")],
    site_keys: Annotated[Path, typer.Option(help="The coordinator's folder of sites.")] = Path(
        "sites"
    ),
) -> None:
    """Let nobody in as NAME any more; a coordinator that runs takes notice within a second."""
    from collegium import keys

    for file in keys.revoke(name, site_keys):
        typer.echo(f"{file}  lets nobody in any more")


@app.command("new-plugin")
def new_plugin(
    kind: Annotated[str, typer.Argument(help="aggregator or privacy")],
    name: Annotated[str, typer.Argument(help="Lower-case words joined by underscores.")],
    folder: Annotated[Path | None, typer.Argument(help="Default: ./NAME")] = None,
) -> None:
    """Make a plugin's folder: a source that works, its tests, and what builds and installs it."""
    from collegium import new_plugin as template

    try:
        made = template.new_plugin(kind, name, folder)  # type: ignore[arg-type]
    except ValueError as error:
        typer.echo(f"collegium: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(
        f"{made} holds the plugin '{name}'. Next:\n\n"
        f"  cd {made}\n"
        "  pip install --no-build-isolation .    # pip install 'collegium[plugins]' gets what it builds with\n"
        "  collegium plugins\n\n"
        "README.md there says how to test it."
    )


@app.command()
def plugins(
    paths: Annotated[list[Path] | None, typer.Argument(help="Further files or folders.")] = None,
    json: Json = False,
) -> None:
    """List aggregators and mechanisms, and why a file was refused. --json has the hashes for pins."""
    from collegium import plugins as known

    frame = known.list(paths or ())
    if json:
        typer.echo(frame.to_json(orient="records", indent=2))
        return
    shown = frame[["name", "kind", "version", "file"]]
    _print_table(shown[frame["refused"] == ""], "plugins")
    for row in frame[frame["refused"] != ""].itertuples():
        typer.echo(f"\nrefused: {row.file}\n{row.refused}")


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="The run's folder.")], json: Json = False
) -> None:
    """Who is here, which round, who was left out, how much privacy is spent."""
    from collegium.run import Run

    run = Run(folder)
    if json:
        typer.echo(run.summary())
        return
    typer.echo(repr(run))
    _print_table(run.sites.drop(columns="public_key"), "sites")
    history, events = run.history, run.events
    if not history.empty:
        last = history[history["round"] == history["round"].max()]
        shown = ["site", "state", "seconds", "bytes", "code", "reason"]
        _print_table(
            last.sort_values("seconds", ascending=False)[shown], "last round, slowest first"
        )
    turned_away = events[events["text"].str.startswith("turned away so far")]
    if not turned_away.empty:
        typer.echo(f"\n{turned_away.iloc[-1]['text']}")
    rounds = run.rounds.tail(5)
    _print_table(
        rounds[["number", "state", "attempts", "closed", "seconds", "reason"]], "last rounds"
    )
    if run.config.get("privacy"):
        _print_table(run.privacy, "privacy")
    else:
        typer.echo("\nno privacy: updates are encrypted, and neither clipped nor noised")
    _left_out(run)


@app.command()
def budget(
    state: Annotated[Path, typer.Argument(help="The site's state folder (state in site.toml).")],
    json: Json = False,
    export: Annotated[
        bool, typer.Option("--export", help="Print every charge as a line of JSON.")
    ] = False,
) -> None:
    """What a site's data sets have spent, and what is left. Checks the ledger; only reads, also while the site runs."""
    from collegium.ledger import Ledger, json_text

    ledger = Ledger(state)
    balance = ledger.balance  # refuses a ledger that was changed by hand
    if export:
        typer.echo(ledger.export(), nl=False)
    elif json:
        typer.echo(json_text(balance, indent=2))
    else:
        _print_table(ledger.budget, f"privacy in {state}")
        _print_table(ledger.runs, "runs")
        for sentence in ledger.sentences():
            typer.echo(sentence)
        typer.echo(f"{balance['charges']} charges, unbroken chain, head {ledger.verify()}")
        if balance["copied"]:
            typer.echo("this is a copy: the site will not go on with it unless it is adopted")


@app.command()
def adopt(
    state: Annotated[Path, typer.Argument(help="The site's state folder (state in site.toml).")],
) -> None:
    """Say that a state folder which was moved or restored is the only and the newest copy: its site may go on.

    Whoever adopts an older copy spends privacy that was spent already. The ledger keeps a note of it.
    """
    from collegium._load import core

    core.ledger.adopt(str(state))
    typer.echo(f"{state} goes on from here")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The run's folder.")],
    output: Annotated[Path | None, typer.Option(help="The page to write.")] = None,
) -> None:
    """Write the run's HTML page."""
    from collegium.run import Run

    typer.echo(Run(folder).report(output))


def _print_table(frame, title: str) -> None:
    """A table as wide as the terminal; where output goes to a file or pipe, as wide as it needs."""
    from rich.console import Console

    from collegium.display import as_table

    if frame.empty:
        typer.echo(f"\n{title}: none")
        return
    console = Console()
    if not console.is_terminal:
        console.width = 500
    typer.echo()
    console.print(as_table(frame, title))


@app.command("audit-privacy")
def audit_privacy(
    of: Annotated[
        str, typer.Option(help="everything, or only: steps, trainer, model.")
    ] = "everything",
    device: Annotated[str, typer.Option(help="Where the trainer runs: auto, cpu, cuda.")] = "auto",
    json: Json = False,
) -> None:
    """Attack this installation's privacy: what leaks at least, beside what is claimed at most.

    Exit code 1 on an alarm: the code then does not do what is charged for.
    """
    from rich.console import Console
    from rich.status import Status

    from collegium.audit import NO_PROOF, audit

    console = Console(stderr=True)
    with Status("attacking", console=console) as status:

        def progress(finding: dict) -> None:
            if console.is_terminal:
                status.update(f"{finding['what']}: {finding['check']} done")

        found = audit(of=of, device=device, progress=progress)
    if json:
        typer.echo(found.to_json())
    else:
        Console().print(found.table())
        alarms = int(found.findings["alarm"].sum())
        typer.echo(f"\n{f'{alarms} ALARMS' if alarms else 'no alarm'}. {NO_PROOF}")
    if found.alarm:
        raise typer.Exit(1)


def _left_out(run) -> None:
    if not run.left_out.empty:
        _print_table(run.left_out, "not in every round")


def guarded(commands: typer.Typer) -> None:
    """Run a command line: known errors are one clear message and exit code 2, Ctrl-C is 130."""
    try:
        status = commands(
            standalone_mode=False
        )  # leaves exceptions to us; an Exit comes back as its code
        sys.exit(status if isinstance(status, int) else 0)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a wrong command line
            error.show()
            sys.exit(error.exit_code)
        known = (
            isinstance(error, (FileNotFoundError, PermissionError))
            or type(error).__module__.startswith("collegium")
            or (isinstance(error, ImportError) and error.name == "collegium")
        )
        if not known:
            raise
        typer.echo(f"collegium: {error}", err=True)
        sys.exit(2)


def main() -> None:
    """Entry point of the installed command."""
    guarded(app)


if __name__ == "__main__":
    main()
