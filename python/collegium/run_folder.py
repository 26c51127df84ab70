"""What a run's folder keeps beside its store, so that the run can go on in another process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collegium._load import core
from collegium.execute import Work


def free_folder(folder: Path, *, named: bool) -> Path:
    """The folder itself when it was named or is free, otherwise the first free ``NAME-2``, ``NAME-3``, ..."""
    if named or not (folder / "run.db").exists():
        return folder
    number = 2
    while (folder.with_name(f"{folder.name}-{number}") / "run.db").exists():
        number += 1
    return folder.with_name(f"{folder.name}-{number}")


def keep_initial(config: dict[str, Any], initial: Any, folder: Path) -> None:
    """Put the model of the start into the run's folder, and its name into the configuration."""
    file = folder / "initial.safetensors"
    if not (file.exists() and (folder / "run.db").exists()):
        folder.mkdir(parents=True, exist_ok=True)
        core.write_initial(config, initial, str(file))
    config["network"]["initial"] = str(file.resolve())


def kept(work: Work, config: dict[str, Any], initial: Any = None) -> Work:
    """The same work, which also writes ``federation.toml``, and the given model of the start, once the run has begun.

    A run that is refused before it begins leaves nothing behind.
    """
    folder = Path(config["run"]["folder"])

    def keeping(on_event: Any, stop: Any) -> None:
        def told(event: dict[str, Any]) -> None:
            if event["kind"] == "begun" and not (folder / "federation.toml").exists():
                if initial is not None:
                    keep_initial(config, initial, folder)
                text = core.to_toml(config)
                (folder / "federation.toml").write_text(text, encoding="utf-8")
            on_event(event)

        work(told, stop)

    return keeping


__all__ = ["free_folder", "keep_initial", "kept"]
