"""Writes the stubs of the compiled module: what editors and type checkers know of ``collegium._core``."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUBS = ROOT / "python" / "collegium" / "_core"


def generate() -> dict[str, str]:
    """File name to text, read from the module that is installed."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pybind11_stubgen",
                "--exit-code",
                "-o",
                folder,
                "collegium._core",
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        files = sorted(Path(folder, "collegium", "_core").glob("*.pyi"))
        return {file.name: _lasting(file.read_text(encoding="utf-8")) for file in files}


def _lasting(text: str) -> str:
    """Without the values of constants: versions change with every build, their types do not."""
    return re.sub(r"^(\w+: str) = .*$", r"\1", text, flags=re.M)


def main() -> None:
    STUBS.mkdir(exist_ok=True)
    for old in STUBS.glob("*.pyi"):
        old.unlink()
    for name, text in generate().items():
        (STUBS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
