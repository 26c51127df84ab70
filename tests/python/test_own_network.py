"""Federations of one's own module and loss: captured, trained by the interpreter, and a module again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import collegium as cg
import numpy as np
import pytest
import torch
from collegium.graph.example import of_site
from monai.networks.nets import SegResNet
from torch import nn


def federation(model: nn.Module, loss: Any, **changes: Any) -> cg.Federation:
    """One full-batch step of plain gradient descent a round."""
    options = {
        "optimizer": cg.SGD(lr=0.05),
        "batch_size": 64,
        "local_steps": 1,
        "weighting": "subjects",
        "rounds": 2,
    }
    return cg.Federation(model=model, loss=loss, **{**options, **changes})


def patients(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, count)
    inputs = rng.normal(size=(count, 6)).astype(np.float32)
    inputs[np.arange(count), classes] += 3
    return inputs, classes


def a_first_federation(folder: Path) -> cg.Run:
    """What a data scientist writes, from nothing to a trained module of her own."""
    # begin
    import collegium as cg
    import torch
    from torch import nn

    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    sites = {"guys": patients(40, 1), "kings": patients(30, 2)}
    federation = cg.Federation(
        model=net, loss=nn.CrossEntropyLoss(), optimizer=cg.Adam(lr=1e-2), batch_size=10, rounds=5
    )
    run = federation.simulate(sites, folder=folder, progress=False)
    inputs, classes = patients(200, 3)
    right = (run.model(torch.from_numpy(inputs)).argmax(1).numpy() == classes).mean()
    # end
    assert right > 0.8
    return run


def test_a_first_federation_of_ones_own_network_takes_fifteen_lines(tmp_path: Path) -> None:
    torch.manual_seed(1)
    run = a_first_federation(tmp_path / "run")
    assert type(run.model) is nn.Sequential
    source = inspect.getsource(a_first_federation)
    body = source.split("# begin\n")[1].split("# end")[0]
    assert sum(bool(line.strip()) for line in body.splitlines()) <= 15


def test_one_full_batch_step_at_each_site_equals_pooled_gradient_descent(
    regression_sites: dict[str, Any], tmp_path: Path
) -> None:
    """With weights by size, the mean of full-batch steps is the step on the pooled data (McMahan et al. 2017, FedSGD)."""
    torch.manual_seed(2)
    model = nn.Linear(5, 1)
    run = federation(model, lambda o, t: (o - t).square().mean(), rounds=4).simulate(
        regression_sites, folder=tmp_path / "run", progress=False
    )
    parameters = [p.detach().clone().double().requires_grad_() for p in model.parameters()]
    x = torch.cat([torch.from_numpy(v[0]) for v in regression_sites.values()]).double()
    y = torch.cat([torch.from_numpy(v[1]) for v in regression_sites.values()]).double()
    for _ in range(4):
        loss = nn.functional.mse_loss(nn.functional.linear(x, *parameters), y)
        for p, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.data -= 0.05 * g
    for found, expected in zip(run.model.parameters(), parameters, strict=True):
        torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)


def test_a_module_trains_like_the_built_in_network_it_equals(
    regression_sites: dict[str, Any], tmp_path: Path
) -> None:
    built_in = cg.networks.Network({"name": "linear", "in_channels": 5, "out_channels": 1}, seed=4)
    model = nn.Linear(5, 1)
    for own, theirs in zip(model.parameters(), built_in.state_dict().values(), strict=True):
        own.data.copy_(theirs)
    runs = [
        federation(kind, "mse", rounds=3).simulate(
            regression_sites, folder=tmp_path / name, progress=False
        )
        for name, kind in (("own", model), ("built-in", built_in))
    ]
    own, theirs = (list(run.model.state_dict().values()) for run in runs)
    assert all(torch.equal(a, b) for a, b in zip(own, theirs, strict=True))


class Tied(nn.Module):
    """One matrix used twice, running statistics, an integer buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again = nn.Linear(6, 6), nn.Linear(6, 6, bias=False)
        self.again.weight = self.first.weight
        self.norm = nn.BatchNorm1d(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.norm(self.again(self.first(x)))))


def test_the_model_of_a_run_is_the_authors_class_with_tied_weights_and_averaged_buffers(
    tmp_path: Path,
) -> None:
    """One site, one step: the running mean moves by a tenth of the batch's mean (PyTorch's momentum)."""
    torch.manual_seed(3)
    model = Tied()
    inputs, classes = patients(32)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    run = federation(model, nn.CrossEntropyLoss(), rounds=1).simulate(
        {"a": (inputs, classes)}, folder=tmp_path / "run", progress=False
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    taught = run.model
    assert type(taught) is Tied and not taught.training
    assert taught.again.weight is taught.first.weight
    with torch.no_grad():
        hidden = model.again(model.first(torch.from_numpy(inputs)))
    torch.testing.assert_close(taught.norm.running_mean, 0.1 * hidden.mean(0), atol=1e-5, rtol=1e-4)
    assert not torch.equal(taught.head.weight, model.head.weight)


def test_a_run_is_opened_later_without_the_authors_class(tmp_path: Path) -> None:
    model, folder = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), tmp_path / "run"
    run = federation(model, nn.CrossEntropyLoss()).simulate(
        {"a": patients(20)}, folder=folder, progress=False
    )
    known, anybodys = run.model, cg.Run(folder).model
    x = torch.randn(7, 6)
    assert torch.equal(known(x), anybodys(x))
    assert {n: t.tolist() for n, t in known.state_dict().items()} == {
        n: t.tolist() for n, t in anybodys.state_dict().items()
    }
    alone = cg.networks.load({"name": "graph"}, run.model_path)
    assert torch.equal(alone(x), known(x))


def test_epsilon_of_a_captured_network_is_that_of_a_built_in_one(tmp_path: Path) -> None:
    data = {"a": patients(60)}
    options = {
        "batch_size": 20,
        "local_steps": 3,
        "rounds": 2,
        "weighting": "iterations",
        "privacy": cg.DPSGD(clip=1.0, noise_multiplier=1.5, delta=1e-3),
    }
    built_in = cg.networks.Network({"name": "linear", "in_channels": 6, "out_channels": 3})
    runs = [
        federation(model, loss, **options).simulate(data, folder=tmp_path / name, progress=False)
        for name, model, loss in (
            ("own", nn.Linear(6, 3), nn.CrossEntropyLoss()),
            ("built-in", built_in, "cross_entropy"),
        )
    ]
    own, theirs = (run.privacy["epsilon"].item() for run in runs)
    assert 0 < own == theirs < np.inf
    assert (runs[0].history["state"] == "accepted").all()


def test_a_network_whose_patients_meet_is_refused_under_patient_level_privacy(
    tmp_path: Path,
) -> None:
    private = federation(
        Tied(),
        nn.CrossEntropyLoss(),
        weighting="iterations",
        privacy=cg.DPSGD(clip=1.0, noise_multiplier=1.0, delta=1e-3),
    )
    with pytest.raises(cg.CollegiumError, match="patients"):
        private.simulate({"a": patients(60)}, folder=tmp_path / "run", progress=False)


class PerSampleDice(nn.Module):
    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        found, wanted = outputs.sigmoid().flatten(1), targets.flatten(1)
        return 1 - (2 * (found * wanted).sum(1) + 1) / (found.sum(1) + wanted.sum(1) + 1)


class Centred(nn.Module):
    """Takes away the mean over the batch: samples meet, so each must have a pass of its own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.network(x)
        return y - 0.5 * y.mean(0, keepdim=True)


@pytest.mark.parametrize("wrapped", [nn.Sequential, Centred], ids=["one_pass", "one_by_one"])
def test_a_captured_segresnet_takes_the_private_step_that_eager_takes_sample_by_sample(
    tmp_path: Path, wrapped: Callable[[nn.Module], nn.Module]
) -> None:
    """Everybody is in the batch, so the step is known up to its noise, and that by its length."""
    count, clip, noise, rate = 5, 0.1, 1e-4, 0.5
    torch.manual_seed(0)
    x = torch.randn(count, 1, 8, 8, 8)
    y = (x + 0.3 * torch.randn_like(x) > 0.5).float()
    model = wrapped(SegResNet(3, 8, 1, 1, blocks_down=(1, 1), blocks_up=(1,)))
    run = federation(
        model,
        PerSampleDice(),
        optimizer=cg.SGD(lr=rate),
        batch_size=count,
        local_steps=1,
        rounds=1,
        weighting="iterations",
        training={"flip": False, "intensity_scale": 0.0, "intensity_shift": 0.0},
        privacy=cg.DPSGD(clip=clip, noise_multiplier=noise, delta=1e-3),
    ).simulate({"a": (x, y)}, folder=tmp_path / "run", progress=False)
    parameters = dict(model.named_parameters())
    step = torch.zeros(sum(p.numel() for p in parameters.values()))
    for i in range(count):
        loss = PerSampleDice()(model(x[i : i + 1]), y[i : i + 1])
        gradients = torch.autograd.grad(loss.sum(), list(parameters.values()))
        one = torch.cat([g.flatten() for g in gradients])
        assert one.norm() > clip
        step -= rate * clip * (1 - 2**-10) * one / one.norm() / count
    after = dict(run.model.named_parameters())
    moved = torch.cat([(after[n] - p).detach().flatten() for n, p in parameters.items()])
    expected = rate * noise * clip / count * len(step) ** 0.5  # the noise's length, within 0.5 %
    assert 0.95 < (moved - step).norm() / expected < 1.05  # wrong by chance: below 1e-20
    assert expected < 0.05 * step.norm()


def test_token_ids_and_dropout_train(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(11, 8), nn.Flatten(1), nn.Dropout(0.2), nn.Linear(32, 2))
    rng = np.random.default_rng(2)
    tokens = rng.integers(0, 11, (40, 4))
    run = federation(model, nn.CrossEntropyLoss(), optimizer=cg.Adam(lr=1e-2), rounds=20).simulate(
        {"a": (tokens, (tokens[:, 0] > 5).astype(np.int64))},
        folder=tmp_path / "run",
        progress=False,
    )
    losses = run.history["loss"]
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]


class TwoHeads(nn.Module):
    """A main and an auxiliary output in training, one in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.aux = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return (self.main(x), self.aux(x)) if self.training else self.main(x)


def test_deep_supervision_trains_every_head(tmp_path: Path) -> None:
    def loss(outputs: Any, targets: torch.Tensor) -> torch.Tensor:
        return sum(nn.functional.cross_entropy(output, targets) for output in outputs)

    model = TwoHeads()
    run = federation(model, loss).simulate(
        {"a": patients(20)}, folder=tmp_path / "r", progress=False
    )
    assert not torch.equal(run.model.main.weight, model.main.weight)
    assert not torch.equal(run.model.aux.weight, model.aux.weight)


def test_what_a_module_raises_reaches_the_notebook_with_its_own_traceback(tmp_path: Path) -> None:
    wrong = nn.Linear(7, 3)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        federation(wrong, nn.CrossEntropyLoss()).simulate(
            {"a": patients(20)}, folder=tmp_path / "run", progress=False
        )


def test_a_federation_that_knows_no_data_needs_an_example(tmp_path: Path) -> None:
    unknown = federation(nn.Linear(6, 3), nn.CrossEntropyLoss())
    with pytest.raises(cg.ConfigError, match="example="):
        unknown.serve(sites=["a"], folder=tmp_path / "run", progress=False)
    with pytest.raises(cg.ConfigError, match="example="):
        unknown.to_toml(tmp_path / "network.safetensors")
    with pytest.raises(cg.ConfigError, match="travels as a file"):
        unknown.to_toml()


def test_a_configuration_names_the_network_file(tmp_path: Path) -> None:
    known = federation(nn.Linear(6, 3), nn.CrossEntropyLoss(), example=patients(2))
    file = tmp_path / "network.safetensors"
    (tmp_path / "federation.toml").write_text(known.to_toml(file), encoding="utf-8")
    assert file.read_bytes() == known.captured.bytes
    again = cg.Federation.from_toml(tmp_path / "federation.toml")
    assert again.config["network"]["name"] == "graph"
    run = again.simulate({"a": patients(20)}, folder=tmp_path / "run", progress=False)
    assert run.state == "finished"


def test_the_example_has_the_shape_of_what_training_sees() -> None:
    inputs, targets = np.zeros((3, 2, 9, 9), np.float32), np.zeros((3, 9, 9), np.int32)
    x, y = of_site("a", (inputs, targets))
    assert (x.shape, x.dtype, y.shape, y.dtype) == (
        (2, 2, 9, 9),
        torch.float32,
        (2, 9, 9),
        torch.int64,
    )
    x, _ = of_site("a", [(inputs[0], 1)])
    assert x.shape == (2, 2, 9, 9)
    volume = np.ones((1, 2, 10, 6, 8), np.float32), np.ones((1, 3, 10, 6, 8), np.uint8)
    x, y = of_site("a", volume, [8, 8, 8])
    assert (x.shape, y.shape) == ((2, 2, 8, 8, 8), (2, 3, 8, 8, 8))
    assert x.sum() == 2 * 2 * 8 * 6 * 8
    tokens, _ = of_site("a", (np.zeros((2, 5), np.int32), np.zeros(2)))
    assert tokens.dtype == torch.int64


def test_volumes_of_a_folder_give_their_shape(brain_folder: Path) -> None:
    data = cg.datasets.FolderDataset(brain_folder, site="site-1")
    x, y = of_site("site-1", data, [16, 16, 16])
    assert x.shape == (2, 4, 16, 16, 16) and y.shape == (2, 3, 16, 16, 16)
    assert set(y.unique().tolist()) <= {0.0, 1.0}
