"""``./dev demo``: the whole job on this machine, from data to report."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from collegium import networks
from collegium.cli import guarded
from collegium.demo import compare, hospitals, private, public, statement
from collegium.demo.deployment import Deployment
from collegium.demo.pictures import segmentations
from collegium.demo.recipe import FULL, QUICK, Recipe, slug
from collegium.display import as_table, make_display
from collegium.evaluation import evaluate
from collegium.federation import Federation
from collegium.run import Run

console = Console(highlight=False)
MARK = ".collegium-demo"  # this folder may be emptied


def bar(what: str) -> Progress:
    """A progress bar; on its own console line, gone from logs."""
    return Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def main(
    quick: Annotated[bool, typer.Option("--quick", help="A two-minute smoke run.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="BraTS-like folder or MSD dataset.json instead of synthetic data."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="With --data: brats2018, brats2023 or msd.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="With --data: CSV with the columns subject, site[, grade].")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="Of the synthetic patients and of training.")] = 2026,
) -> None:
    """Train a brain-tumour network across four hospitals, as separate processes over encrypted ZeroMQ."""
    started = time.monotonic()
    recipe = QUICK if quick else FULL
    make_room(folder)
    where = gather(recipe, data, labels, table, seed)
    console.print(where.about)

    model = networks.SegResNet(init_filters=8, dropout=0.0, seed=seed)
    federation = Federation(
        model=model, rounds=recipe.rounds, local_steps=recipe.local_steps, training={**recipe.training, "validation": recipe.validation if where.validation else 0},
        evaluate_every=2, seed=seed, name="demo-smoke-run" if recipe.smoke else "demo",
    )  # fmt: skip
    console.print(
        f"\n[bold]One coordinator and {len(where.sites)} sites[/bold], a process each, CURVE on every line; logs in {folder}"
    )
    with (
        Deployment(folder, federation, where) as deployment,
        make_display("federation", recipe.rounds, shown=True) as display,
    ):
        for event in deployment.events():
            display.show(event)
    run = Run(folder / "run")

    jobs = compare.trainings(where, recipe)
    with bar("each site alone, and pooled") as progress:
        task = progress.add_task("", total=len(jobs))
        models = compare.train_all(
            jobs,
            recipe,
            model,
            folder / "compared",
            seed,
            workers=2,
            done=lambda name: progress.advance(task),
        )
    models = {compare.FEDERATED: run.model, **models}
    start = model
    if where.synthetic:
        with bar("a public collection to start from") as progress:
            task = progress.add_task("", total=None)
            start = public.public_model(
                seed, recipe, folder / "public",
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )  # fmt: skip
        models[public.NAME] = start
    with bar("the federation under patient-level privacy") as progress:
        task = progress.add_task("", total=len(recipe.epsilons))
        secret = private.train(
            where, recipe, start, folder / "private", seed, done=lambda: progress.advance(task)
        )
    with bar("held-out patients") as progress:
        scores = judge({**models, **secret.models}, where, recipe, folder / "predictions", progress)

    report(run, scores, secret, where, recipe, folder)
    console.print(
        f"\nreport: {folder / 'report.html'}   model: {folder / 'model.safetensors'}   {(time.monotonic() - started) / 60:.1f} minutes"
    )


def make_room(folder: Path) -> None:
    """An empty folder; what an earlier demo left there goes, anything else is refused."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise typer.BadParameter(
                f"{folder} holds something else than an earlier demo; name another folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def gather(
    recipe: Recipe, data: Path | None, labels: str | None, table: Path | None, seed: int
) -> hospitals.Hospitals:
    """The patients: the user's folder, or synthetic ones made now or kept from before."""
    if data is not None:
        return hospitals.from_folder(data, labels=labels, table=table)
    with bar("synthetic patients") as progress:
        task = progress.add_task("", total=None)
        found = hospitals.synthetic(
            Path("data") / f"brain-sites-{seed}-{recipe.size}", recipe, seed,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
        everybody = len(found.test) + sum(len(subjects) for subjects in found.sites.values())
        progress.update(task, completed=everybody, total=everybody)
        return found


def judge(
    models: dict[str, networks.Network],
    where: hospitals.Hospitals,
    recipe: Recipe,
    folder: Path,
    progress: Progress,
):
    """Every model on the same held-out patients."""
    import pandas as pd

    held_out, frames = where.held_out(), []
    task = progress.add_task("", total=len(models))
    for name, network in models.items():
        place = folder / slug(name)
        frames.append(
            evaluate(network, held_out, roi=recipe.roi, predictions=place).assign(model=name)
        )
        progress.advance(task)
    scores = pd.concat(frames, ignore_index=True)
    scores.to_csv(folder.parent / "scores.csv", index=False)
    return scores


def report(
    run: Run,
    scores,
    secret: private.PrivateRuns,
    where: hospitals.Hospitals,
    recipe: Recipe,
    folder: Path,
) -> None:
    """The statement on the terminal, the page and the model beside the run."""
    unprotected = scores[~scores["model"].isin(secret.models)]
    ranking = compare.score_table(unprotected)
    cost = secret.table(compare.score_table(scores))
    score = ranking.set_index("model")["score"]
    lines = (
        statement.statement(ranking, where.about, smoke=recipe.smoke)
        + statement.privacy_statement(cost, score[compare.FEDERATED], score.get(public.NAME))
        + secret.warnings
    )
    best = ranking[ranking["model"].str.endswith(" alone")].iloc[0]["model"]
    held_out = where.held_out()
    facts = {f["subject"]: f for f in held_out.facts}
    shown = [facts[s] for s in where.test[:: max(1, len(where.test) // 4)][:4]]
    predictions = {name: folder / "predictions" / slug(name) for name in (compare.FEDERATED, best)}
    tables = {
        "Dice on the held-out subjects": ranking,
        "What patient-level privacy costs": cost,
        "Where the patient was examined (WT Dice)": compare.source_table(unprotected),
        "Surface distance, median HD95 in mm": compare.distance_table(unprotected),
        "Subjects without enhancing tumour": compare.empty_table(unprotected),
    }
    notes = {
        "Dice on the held-out subjects": "n: subjects that have the region. The score is the mean of the columns before it.",
        "What patient-level privacy costs": secret.note,
    }
    picture = segmentations(shown, predictions, "reference", held_out.tissues)
    picture.savefig(folder / "segmentations.png", dpi=80, transparent=True)
    caption = f"Outlines of the reference, the federated model and the best single site ({best})."
    run.report(
        folder / "report.html",
        statement=lines,
        synthetic=where.synthetic,
        tables=tables,
        notes=notes,
        figures={caption: picture},
    )
    shutil.copyfile(run.model_path, folder / "model.safetensors")
    console.print()
    console.print(as_table(ranking, "Dice on the held-out subjects"))
    console.print(as_table(cost, "what patient-level privacy costs"))
    console.print()
    for line in lines:
        console.print(line)


app = typer.Typer(pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    guarded(app)
