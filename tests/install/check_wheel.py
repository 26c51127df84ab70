"""Is a wheel whole? Installs it beside torch alone and uses it: ``python tests/install/check_wheel.py dist/collegium-*.whl``.

Called by ``./dev wheel``. Everything happens in a folder that is removed afterwards, with an environment of its own.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from email.parser import Parser
from pathlib import Path

# What may come from the system: the C and C++ runtimes and zlib (PEP 600). Everything else is inside, or torch's.
SYSTEM = re.compile(
    r"^(linux-vdso|ld-linux|libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s|libresolv|libz)[.-]"
)
TORCHS = re.compile(r"^(libtorch|libc10|libgomp|libshm|libcu|libnv)")

SIMULATION = """
import collegium as cg, numpy as np
rng = np.random.default_rng(0)
sites = {n: (rng.normal(size=(8, 4)).astype("f4"), rng.normal(size=(8, 1)).astype("f4")) for n in "abc"}
linear = cg.networks.Network({"name": "linear", "in_channels": 4, "out_channels": 1})
federation = cg.Federation(model=linear, loss="mse", optimizer=cg.SGD(lr=0.1), rounds=2, aggregator=AGGREGATOR)
run = federation.simulate(sites, folder=FOLDER, progress=False)
assert run.meta["state"] == "finished", run.meta
cg._load.core.new_keys("guys", FOLDER)   # by libsodium and ZeroMQ
print("simulated with", run.config["aggregator"]["name"])
"""


def simulation(aggregator: str, folder: Path | str) -> str:
    return SIMULATION.replace("AGGREGATOR", repr(aggregator)).replace("FOLDER", repr(str(folder)))


def run(*command: str | Path, fails: bool = False, **options) -> str:
    done = subprocess.run(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )  # fmt: skip
    if bool(done.returncode) != fails:
        raise SystemExit(
            f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-3000:]}"
        )
    return done.stdout.strip()


def libraries(package: Path) -> list[Path]:
    candidates = [p for p in package.rglob("*") if p.is_file() and not p.is_symlink()]
    return [p for p in candidates if p.open("rb").read(4) == b"\x7fELF"]


def check_self_contained(site: Path) -> None:
    inside = {
        p.name for folder in ("collegium", "collegium.libs") for p in libraries(site / folder)
    }
    for library in libraries(site / "collegium") + libraries(site / "collegium.libs"):
        for line in run("ldd", library).splitlines():
            name = line.split()[0].rsplit("/")[-1]
            assert "not found" not in line, f"{library.name}: {line}"
            if not (SYSTEM.match(name) or name in inside or TORCHS.match(name)):
                raise SystemExit(f"{library.name} takes {name} from the system")
    print(
        f"self-contained: {len(inside)} libraries and programs, with {', '.join(sorted(p for p in inside if '-' in p))}"
    )


def check_bare_root(venv: Path, root: Path) -> None:
    """A root folder with Python's own files, the environment and nothing else."""
    if os.geteuid() != 0:
        print("bare root: not tried, chroot needs root")
        return
    base = Path(os.path.realpath(venv / "bin" / "python"))
    standard = Path(run(base, "-c", "import os; print(os.path.dirname(os.__file__))"))
    needed = {base, *standard.glob("lib-dynload/*.so")}
    for file in list(needed):
        for word in run("ldd", file).split():
            if word.startswith("/"):
                needed.add(Path(word))
    for library in libraries(
        venv / "lib"
    ):  # of what torch and ours take from the system: the C++ runtime
        for line in run("ldd", library).splitlines():
            words = line.split()
            if len(words) > 2 and words[2].startswith("/") and SYSTEM.match(words[0]):
                needed.add(Path(words[2]))
    for file in needed:
        target = root / str(file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(file, target)
    shutil.copytree(standard, root / str(standard).lstrip("/"), dirs_exist_ok=True, symlinks=True,
                    ignore=shutil.ignore_patterns("test", "__pycache__"))  # fmt: skip
    run("cp", "-al", venv, root / "venv")
    for folder in ("tmp", "proc", "dev"):
        (root / folder).mkdir(exist_ok=True)
    for device, minor in (("null", 3), ("urandom", 9)):
        os.mknod(root / "dev" / device, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    python = root / "venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(base)
    bare = (shutil.which("chroot") or "chroot", root, "/venv/bin/python")
    # /proc is what plugins are loaded through.
    run("mount", "-t", "proc", "proc", root / "proc")
    try:
        print(
            "bare root:",
            run(*bare, "-c", simulation("coordinate_median", "/tmp/run"), env={"HOME": "/tmp"}),
        )
    finally:
        run("umount", root / "proc")


def check_other_torch(python: Path, folder: Path) -> None:
    """Another torch is refused with one error that says what to install."""
    fake = folder / "other"
    fake.mkdir()
    (fake / "sitecustomize.py").write_text("import torch\ntorch.__version__ = '2.99.0+cpu'\n")
    said = run(
        python,
        "-c",
        "import collegium; collegium.Federation",
        fails=True,
        env={"PYTHONPATH": str(fake)},
    )
    assert said.splitlines()[-1].startswith(
        "ImportError: this build of collegium was compiled against torch"
    ), said
    assert "2.99.0" in said, said
    print("another torch:", said.splitlines()[-1])


def main(wheel: Path) -> None:
    torch = Parser().parsestr(next(
        zipfile.ZipFile(wheel).read(n).decode() for n in zipfile.ZipFile(wheel).namelist() if n.endswith("METADATA")
    )).get_all("Requires-Dist")  # fmt: skip
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, requires {torch[0]}")
    with tempfile.TemporaryDirectory(prefix="collegium-wheel-") as name:
        folder = Path(name)
        venv = folder / "venv"
        run(sys.executable, "-m", "venv", venv)
        python, scripts = venv / "bin" / "python", venv / "bin"
        start = time.perf_counter()
        run(python, "-m", "pip", "install", "-q", f"{wheel}[plugins]")
        installed = time.perf_counter() - start
        clean = {"PATH": f"{scripts}:/usr/bin:/bin", "HOME": name}
        print(run(scripts / "collegium", "--version", env={}))
        site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"))
        check_self_contained(site)
        start = time.perf_counter()
        print(
            run(
                python, "-c", simulation("coordinate_median", folder / "run"), env=clean, cwd=folder
            )
        )
        print(
            f"from pip install to the first result: {installed:.0f} s for pip, with torch and all that it needs, and "
            f"{time.perf_counter() - start:.1f} s for the first import and a federation of two rounds"
        )
        for program in ("collegium-server", "collegium-site"):
            said = run(site / "collegium" / "bin" / program, "--version", env={})
            print(program, "without an environment:", said.splitlines()[0])
        run(scripts / "collegium", "new-plugin", "aggregator", "steady_mean", env=clean, cwd=folder)
        run(
            python,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-build-isolation",
            ".",
            env=clean,
            cwd=folder / "steady_mean",
        )
        print(run(python, "-c", simulation("steady_mean", folder / "run2"), env=clean, cwd=folder))
        check_other_torch(python, folder)
        check_bare_root(venv, folder / "root")


if __name__ == "__main__":
    if len(sys.argv) != 2 or platform.system() != "Linux":
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]).resolve())
