"""An engineer makes a plugin with what is installed: its folder, its tests, its installation, and how it is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from collegium._places import installed
from collegium.new_plugin import new_plugin

SCRIPTS = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has installed a new plugin, apart from this environment's own packages."""
    folder = tmp_path_factory.mktemp("kit")
    run(SCRIPTS / "collegium", "new-plugin", "aggregator", "steady_mean", cwd=folder)
    pip = ("-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index")
    run(sys.executable, *pip, "--target", folder / "site", ".", cwd=folder / "steady_mean")
    return folder / "site"


def test_a_new_plugin_is_installed_by_pip_and_found_by_its_entry_point(site_packages: Path) -> None:
    listed = run(
        SCRIPTS / "collegium", "plugins", "--json", cwd=site_packages, PYTHONPATH=str(site_packages)
    )
    assert '"name":"steady_mean"' in listed.replace(" ", "")
    assert str(site_packages / "collegium_steady_mean" / "steady_mean.so") in listed.replace(
        "\\/", "/"
    )


def test_a_new_plugin_works_in_a_federation(site_packages: Path) -> None:
    script = """
import collegium as cg, numpy as np
assert cg.aggregate("steady_mean", [np.float32([v]) for v in (1, 2, 9e9, -9e9, 6)], trim=0.2) == 3
rng = np.random.default_rng(0)
sites = {n: (rng.normal(size=(8, 4)).astype("f4"), rng.normal(size=(8, 1)).astype("f4")) for n in "abcde"}
linear = cg.networks.Network({"name": "linear", "in_channels": 4, "out_channels": 1})
federation = cg.Federation(model=linear, loss="mse", optimizer=cg.SGD(lr=0.1), rounds=2, aggregator="steady_mean")
print(federation.simulate(sites, progress=False, folder="run").meta["state"])
"""
    folder = site_packages.parent
    assert "finished" in run(
        sys.executable, "-c", script, cwd=folder, PYTHONPATH=str(site_packages)
    )


def test_the_authors_tests_run_the_conformance_suite_of_the_installed_package(
    tmp_path: Path,
) -> None:
    made = new_plugin("privacy", "quiet_noise", tmp_path / "here")
    package = f"-Dcollegium_DIR={installed('cmake')}"
    run(
        "cmake", "-S", made, "-B", made / "build", "-G", "Ninja", package,
        "-DCMAKE_BUILD_TYPE=Debug", cwd=tmp_path,
    )  # fmt: skip
    run("cmake", "--build", made / "build", cwd=tmp_path)
    tests = run("ctest", "--test-dir", made / "build", "--no-tests=error", cwd=tmp_path)
    assert "Conformance_quiet_noise.HidesAnUpdateAsWellAsItSays" in tests
    assert "QuietNoise.IsChargedAsOneGaussianRelease" in tests
    assert "100% tests passed" in tests


def test_cmake_finds_the_package_under_either_spelling_and_refuses_a_newer_one(
    tmp_path: Path,
) -> None:
    def configure(request: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.25)\nproject(p CXX)\nfind_package({request} REQUIRED)\n"
        )
        return subprocess.run(
            ["cmake", "-S", ".", "-B", "build", "-G", "Ninja", "--fresh", f"-DCMAKE_PREFIX_PATH={installed('cmake')}"],
            cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip

    assert configure("collegium").returncode == 0
    assert configure("Collegium").returncode == 0
    assert "99.0" in configure("collegium 99.0").stderr


@pytest.mark.parametrize("kind", ["aggregator", "privacy"])
def test_a_template_is_short_and_every_name_in_it_is_the_new_one(kind: str, tmp_path: Path) -> None:
    made = new_plugin(kind, "of_my_own", tmp_path / "plugin")
    files = [p for p in made.rglob("*") if p.is_file()]
    assert {p.relative_to(made).as_posix() for p in files} == {
        "CMakeLists.txt", "pyproject.toml", "README.md", "of_my_own.cpp", "tests/test_of_my_own.cpp",
    }  # fmt: skip
    for file in files:
        text = file.read_text()
        for left in (f"my_{kind}", f"my-{kind}", f"My{kind.title()}"):
            assert left not in text, file
    assert len((made / "of_my_own.cpp").read_text().splitlines()) < 60


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MyMedian", "did you mean 'my_median'"),
        ("2fast", "did you mean 'fast'"),
        ("my-median", "did you mean 'my_median'"),
        ("", "lower-case words"),
        ("trailing_", "lower-case words"),
        ("a" * 49, "at most 48"),
        ("../up", "lower-case words"),
        ("test", "CMake"),
        ("weighted_mean", "Collegium itself"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_in_words(
    name: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        new_plugin("aggregator", name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_nothing_is_written_into_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="exists already"):
        new_plugin("aggregator", "fine", tmp_path)
    with pytest.raises(ValueError, match="exists already"):
        new_plugin("aggregator", "fine", tmp_path / "notes.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_the_command_line_refuses_with_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [SCRIPTS / "collegium", "new-plugin", "mechanism", "fine"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "aggregator or privacy" in done.stderr


def test_an_entry_point_without_a_folder_is_listed_with_the_reason(tmp_path: Path) -> None:
    metadata = tmp_path / "lost-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lost\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[collegium.plugins]\nlost = collegium_lost\n")
    listed = run(SCRIPTS / "collegium", "plugins", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert "refused: collegium_lost" in listed
    assert "install the plugin again" in listed


def test_a_value_that_is_not_finite_reaches_no_aggregator() -> None:
    import collegium as cg

    with pytest.raises(cg.ConfigError, match="not finite"):
        cg.aggregate("coordinate_median", [np.ones(3), np.array([1, np.nan, 1])])
