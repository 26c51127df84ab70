"""``collegium audit``: whether signed logs still say what was written, and where a model comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

audit_app = typer.Typer(
    help="Signed logs: verify them, export them, trace a model.", no_args_is_help=True
)

Source = Annotated[
    Path, typer.Argument(help="A run's folder, a site's state folder, or an exported .jsonl file.")
]


@audit_app.command()
def verify(
    log: Source,
    keys: Annotated[
        Path | None, typer.Option(help="Folder with the .public file of everybody who may sign.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="The other side's log: what each can prove about the other's."),
    ] = None,
) -> None:
    """Find every entry that was changed, removed, reordered or inserted; with --against also a tail that was cut off.

    Exit code 1 when anything is found.
    """
    from collegium import records

    known = records.public_keys(keys) if keys else None
    logs = [records.Log(log)] + ([records.Log(against)] if against else [])
    found = []
    for one in logs:
        wrong = records.verify(one, known)
        found += [f"{one.source}: {what}" for what in wrong]
        typer.echo(
            f"{one.source}: {len(one.entries)} entries of {one.author or 'nobody'}, "
            f"{f'{len(wrong)} findings' if wrong else 'unbroken'}, head {one.head}"
        )
    if against:
        proved = records.compare(*logs)
        found += proved
        typer.echo(f"against each other: {f'{len(proved)} findings' if proved else 'they agree'}")
    for what in found:
        typer.echo(what, err=True)
    if not known:
        typer.echo(
            "signatures were checked with the keys that the log names; --keys FOLDER checks whose they are"
        )
    if found:
        raise typer.Exit(1)


@audit_app.command()
def export(log: Source) -> None:
    """Print a log, an entry a line of JSON."""
    from collegium import records

    typer.echo(records.Log(log).export(), nl=False)


@audit_app.command()
def trace(
    model: Annotated[Path, typer.Argument(help="A safetensors file that a run or a site left.")],
    run: Annotated[Path | None, typer.Option(help="The run's folder.")] = None,
    svg: Annotated[
        Path | None, typer.Option(help="Write the picture to this file as well.")
    ] = None,
) -> None:
    """Which sites, rounds, settings and privacy a model comes from, as the signed log of its run says."""
    from collegium import records

    traced = records.trace(model, run)
    for line in traced.lines():
        typer.echo(line)
    if svg:
        svg.write_text(traced.svg(), encoding="utf-8")
    wrong = records.verify(traced.log)
    typer.echo(
        f"log       {len(traced.log.entries)} entries of {traced.log.author}, {'BROKEN' if wrong else 'unbroken'}"
    )
    for what in wrong:
        typer.echo(what, err=True)
    if wrong:
        raise typer.Exit(1)


__all__ = ["audit_app"]
