"""Somebody's own network at hospitals that run no Python: real processes over CURVE, and what they refuse."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import graph_file
import nibabel
import numpy as np
import pytest
import torch
from cluster import SITES, Cluster
from collegium._load import core
from collegium.demo.deployment import program
from collegium.run import Run


@pytest.fixture
def cluster(tmp_path: Path, brain_folder: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path, brain_folder, rounds=2)
    made.config["network"] = {"name": "graph", "file": "mine.safetensors"}
    for name in SITES:
        allow(made, name, 'models = ["graph"]\n')
    graph_file.write(tmp_path / "mine.safetensors")
    (tmp_path / "federation.toml").write_text(core.to_toml(made.config))
    yield made
    made.end()


def allow(cluster: Cluster, site: str, policy: str) -> None:
    file = cluster.folder / f"{site}.toml"
    text = file.read_text().split("[policy]")[0]
    file.write_text(text + f"\n[policy]\n{policy}")


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    return graph_file.read(folder / "model.safetensors")


def log_of(cluster: Cluster, name: str) -> str:
    return (cluster.folder / f"{name}.log").read_text()


def test_a_captured_network_trains_at_the_hospitals_and_ends_with_the_simulations_bits(
    cluster: Cluster, brain_folder: Path, tmp_path: Path
) -> None:
    cluster.start_all()
    assert cluster.wait_end() == 0, cluster.logs()
    import collegium as cg

    config = {k: v for k, v in cluster.config.items() if k not in ("server", "run")}
    config["network"] = {"name": "graph", "file": str(cluster.folder / "mine.safetensors")}
    config["federation"] = dict(config["federation"])
    config["run"] = {"folder": str(tmp_path / "simulated")}
    data = {
        name: cg.datasets.FolderDataset(brain_folder / place).core()
        for place, name in cluster.data.items()
    }
    core.simulate(config, data, None, {}, 2, lambda event: None, core.StopHandle())
    ours, theirs = weights_of(cluster.folder / "run"), weights_of(tmp_path / "simulated")
    start = graph_file.weights()
    assert set(ours) == set(start)
    for name in start:
        np.testing.assert_array_equal(ours[name], theirs[name])
        assert not np.array_equal(ours[name], start[name]), "nothing was trained"
    for name in SITES:
        kept = cluster.folder / "state" / name / "model.safetensors"
        np.testing.assert_array_equal(graph_file.read(kept)["conv.bias"], ours["conv.bias"])


def test_a_hospital_segments_its_own_folder_without_python(
    cluster: Cluster, brain_folder: Path
) -> None:
    cluster.config["federation"]["rounds"] = 1
    (cluster.folder / "federation.toml").write_text(core.to_toml(cluster.config))
    cluster.start_all()
    assert cluster.wait_end() == 0, cluster.logs()
    model = cluster.folder / "state" / "guys" / "model.safetensors"
    done = subprocess.run(
        [program("collegium-site"), "--predict", "guys.toml", str(model), "out"],
        cwd=cluster.folder,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    place = next(place for place, name in cluster.data.items() if name == "guys")
    tensors = graph_file.read(model)
    for subject in sorted((brain_folder / place).iterdir()):
        files = [next(subject.glob(f"*_{name}.nii*")) for name in ("t1ce", "t1", "t2", "flair")]
        as_filed = nibabel.load(cluster.folder / "out" / f"{subject.name}.nii.gz")
        np.testing.assert_allclose(as_filed.affine, nibabel.load(files[0]).affine)
        # The network sees volumes with their axes to the right, the front and the top.
        image = [nibabel.as_closest_canonical(nibabel.load(file)) for file in files]
        predicted = nibabel.as_closest_canonical(as_filed)
        x = np.stack([np.asarray(i.get_fdata(), dtype=np.float32) for i in image])
        for channel in x:  # each is normalised over its voxels that are not zero
            inside = channel != 0
            channel[inside] = (channel[inside] - channel[inside].mean()) / channel[inside].std()
        logits = torch.nn.functional.conv3d(
            torch.from_numpy(x)[None],
            torch.from_numpy(tensors["conv.weight"]),
            torch.from_numpy(tensors["conv.bias"]),
            padding=1,
        )[0].numpy()
        core_, whole, enhancing = logits > 0
        expected = np.where(enhancing, 4, np.where(core_, 1, np.where(whole, 2, 0)))
        assert (np.asarray(predicted.dataobj) != expected).mean() < 1e-3, "float sums may differ"


def refused(cluster: Cluster, rule: str) -> None:
    """The run fails because one site cannot take part, and both ends name the rule."""
    cluster.start_all()
    assert cluster.wait_end(60) == 1, cluster.logs()
    assert cluster.processes["kings"].wait(timeout=30) == 1
    assert rule in log_of(cluster, "kings"), cluster.logs()
    assert rule in log_of(cluster, "server"), cluster.logs()


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        ("", '[policy] models names "graph"'),
        ('models = ["segresnet"]\n', "among those this site allows: segresnet"),
        ('models = ["graph"]\n[policy.graph]\nparameters = 100\n', "at most 100 parameters"),
        ('models = ["graph"]\n[policy.graph]\noperators = ["aten::conv3d"]\n', "aten::conv3d"),
        ('models = ["graph"]\n[policy.graph]\nmemory = 1\n', "more memory than it may"),
    ],
)
def test_a_site_that_does_not_take_the_network_names_its_rule_at_both_ends(
    cluster: Cluster, policy: str, rule: str
) -> None:
    allow(cluster, "kings", policy)
    refused(cluster, rule)


def test_without_the_one_that_refuses_the_others_go_on(cluster: Cluster) -> None:
    allow(cluster, "kings", 'models = ["segresnet"]\n')
    cluster.config["federation"].update(min_sites=3, start_wait=2.0)
    (cluster.folder / "federation.toml").write_text(core.to_toml(cluster.config))
    cluster.start_all()
    assert cluster.wait_end() == 1  # somebody was left out
    run = Run(cluster.folder / "run")
    assert run.state == "finished"
    assert set(run.left_out["site"]) == {"kings"}
    assert run.left_out["reason"].str.contains("models").all()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda data: data[:-1], "1308 bytes of data"),
        (lambda data: data.replace(b"aten::conv3d", b"aten::system"), "aten::system"),
        (lambda data: data.replace(b'\\"out\\":3', b'\\"out\\":1'), "1"),
        (lambda data: data.replace(b"collegium.graph", b"collegium.other"), "no graph"),
    ],
)
def test_a_file_that_nobody_would_run_is_refused_before_anybody_waits(
    cluster: Cluster, spoil, expected: str
) -> None:
    file = cluster.folder / "mine.safetensors"
    spoiled = spoil(file.read_bytes())
    assert spoiled != file.read_bytes()
    file.write_bytes(spoiled)
    done = subprocess.run(
        [program("collegium-server"), "federation.toml"],
        cwd=cluster.folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert expected in done.stderr
    assert "mine.safetensors" in done.stderr


def test_a_site_started_again_takes_the_network_that_it_kept(cluster: Cluster) -> None:
    cluster.start_all()
    cluster.wait_closed(1)
    with contextlib.suppress(OSError):
        cluster.kill("kings")
    assert log_of(cluster, "kings").count("fetching the run's network") == 1
    cluster.start("kings")
    assert cluster.wait_end() == 0, cluster.logs()
    assert log_of(cluster, "kings").count("fetching the run's network") == 1


def test_coordinator_and_site_may_die_while_the_network_is_fetched(cluster: Cluster) -> None:
    """A file of 40 MiB, so that there is a middle; the run ends as if nothing had happened."""
    described = graph_file.graph()
    described["tensors"]["ballast"] = {
        "dtype": "float32",
        "kind": "frozen",
        "shape": [10 * 1024 * 1024],
    }
    ballast = {"ballast": np.zeros(10 * 1024 * 1024, dtype=np.float32)}
    graph_file.write(
        cluster.folder / "mine.safetensors", described, {**graph_file.weights(), **ballast}
    )
    cluster.start_all()
    deadline = time.monotonic() + 60
    while "fetching" not in (
        log_of(cluster, "kings") if (cluster.folder / "kings.log").exists() else ""
    ):
        assert time.monotonic() < deadline, cluster.logs()
        time.sleep(0.005)
    cluster.kill("server")
    cluster.kill("guys")
    cluster.start("server")
    cluster.start("guys")
    assert cluster.wait_end() == 0, cluster.logs()
    assert Run(cluster.folder / "run").state == "finished"


def private(cluster: Cluster) -> None:
    cluster.config["privacy"] = {"noise_multiplier": 1.0, "delta": 1e-2}
    (cluster.folder / "federation.toml").write_text(core.to_toml(cluster.config))
    for name in SITES:
        file = cluster.folder / f"{name}.toml"
        file.write_text(file.read_text().replace("[data]", "[data]\nn_public = 3\n", 1))


def test_a_captured_network_trains_under_patient_level_privacy(cluster: Cluster) -> None:
    private(cluster)
    cluster.start_all()
    assert cluster.wait_end() == 0, cluster.logs()
    run = Run(cluster.folder / "run")
    assert (run.privacy["epsilon"] > 0).all()
    assert np.isfinite(run.privacy["epsilon"]).all()


def test_running_statistics_are_refused_under_patient_level_privacy_before_anybody_waits(
    cluster: Cluster,
) -> None:
    """The mean of a batch would be in a buffer, which nobody clips."""
    private(cluster)
    described = graph_file.graph()
    value = [{"v": i} for i in range(6)]
    training = dict(described["programs"]["train"])
    training["nodes"] = [
        *training["nodes"],
        {"args": [value[4], 1], "op": "aten::add_.Scalar", "out": 5},
    ]
    training["bind"] = [*training["bind"], [4, "seen"]]
    # Ids are counted in the order of definition: bound tensors, inputs, results.
    training["nodes"][0] = {**training["nodes"][0], "out": 3}
    training["values"] = 6
    described["programs"]["train"] = training
    described["tensors"]["seen"] = {"dtype": "float32", "kind": "buffer", "shape": [1]}
    graph_file.write(
        cluster.folder / "mine.safetensors",
        described,
        {**graph_file.weights(), "seen": np.zeros(1, dtype=np.float32)},
    )
    done = subprocess.run(
        [program("collegium-server"), "federation.toml"],
        cwd=cluster.folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "past clipping and noise" in done.stderr
