"""Per-sample gradients of one backward pass are those of one sample after the other, for every kind of network."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence

import collegium as cg
import pytest
import torch
import torch.nn.functional as F
from collegium.per_sample import SampleGradients, SampleLayouts, clipped_gradients
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from per_sample_networks import CASES, Case, UNet, entropy, images, labels, perceptron
from torch import Tensor, nn

GHOSTS = {"auto": None, "never": False, "always": True}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trainable(network: nn.Module) -> list[nn.Parameter]:
    return [p for p in network.parameters() if p.requires_grad]


def one_by_one(network: nn.Module, x: Tensor, y: Tensor, loss: Callable) -> list[Tensor]:
    """[samples, elements] for every parameter, a forward and a backward pass for each sample."""
    parameters = trainable(network)
    rows = []
    for i in range(len(x)):
        losses = loss(network(x[i : i + 1]), y[i : i + 1])
        assert losses.shape == (1,)
        rows.append(torch.autograd.grad(losses.sum(), parameters, allow_unused=True))
    return [
        torch.stack(
            [
                torch.zeros(p.numel(), dtype=p.dtype) if r[k] is None else r[k].flatten()
                for r in rows
            ]
        )
        for k, p in enumerate(parameters)
    ]


def batched(network: nn.Module, x: Tensor, y: Tensor, loss: Callable, **options) -> SampleGradients:
    x = x.detach().clone().requires_grad_() if x.is_floating_point() else x
    inputs = (x,) if x.is_floating_point() else ()
    return SampleGradients(loss(network(x), y), trainable(network), inputs=inputs, **options)


def distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """Relative l2 distance over all tensors together: single ones may have a true gradient of zero."""
    flat = lambda tensors: torch.cat([t.detach().double().flatten() for t in tensors])  # noqa: E731
    return float((flat(found) - flat(wanted)).norm() / flat(wanted).norm())


def clip_factors(squared_norms: Tensor) -> Tensor:
    """Clipping that is active for half of the batch."""
    norms = squared_norms.sqrt()
    median = norms.median(dim=1, keepdim=True).values
    return median / torch.maximum(norms, median)


def weighted(rows: list[Tensor], factors: Tensor) -> list[Tensor]:
    return [r.T @ factors[0].to(r.dtype) for r in rows]


@pytest.mark.parametrize("ghost", GHOSTS)
@pytest.mark.parametrize("name", CASES)
def test_in_double_only_the_order_of_sums_differs(name: str, ghost: str) -> None:
    case = CASES[name]
    network, x, y = case.build()
    reference = one_by_one(network, x, y, case.loss)
    found = batched(network, x, y, case.loss, ghost=GHOSTS[ghost])
    squares = sum(r.square().sum(1) for r in reference)
    factors = clip_factors(squares.unsqueeze(0))
    assert len(x) < 3 or (factors < 1).any()
    assert distance([found.squared_norms[0]], [squares]) < 1e-12
    assert distance(found.weighted_sum(factors), weighted(reference, factors)) < 1e-12
    if ghost == "never":
        for k in range(len(reference)):
            assert (
                distance([found.of_parameter(k)], [reference[k]]) < 1e-11
                or reference[k].norm() < 1e-12
            )


@pytest.mark.parametrize("name", CASES)
def test_in_single_the_error_is_that_of_one_by_one(name: str) -> None:
    case = CASES[name]
    network, x, y = case.build()
    truth = one_by_one(network, x, y, case.loss)
    factors = clip_factors(sum(r.square().sum(1) for r in truth).unsqueeze(0))
    single, x32, y = network.float(), x.float() if x.is_floating_point() else x, y
    # Rounding the network and its inputs already moves the truth, for both alike.
    moved = one_by_one(single.double(), x32.double() if x.is_floating_point() else x, y, case.loss)
    single = single.float()
    reference = distance(
        weighted(one_by_one(single, x32, y, case.loss), factors), weighted(moved, factors)
    )
    for ghost in GHOSTS.values():
        found = batched(single, x32, y, case.loss, ghost=ghost).weighted_sum(factors)
        assert distance(found, weighted(moved, factors)) < 5 * reference + 5e-7


@pytest.mark.parametrize(
    "name", ["encoder_tokens_first", "seg_resnet", "lstm", "language_model", "prelu"]
)
def test_inputs_are_needed_only_to_see_before_the_first_parameter(name: str) -> None:
    case = CASES[name]
    network, x, y = case.build()
    reference = one_by_one(network, x, y, case.loss)
    found = SampleGradients(case.loss(network(x), y), trainable(network))
    ones = torch.ones(1, len(x), dtype=torch.float64)
    assert distance(found.weighted_sum(ones), weighted(reference, ones)) < 1e-12


def test_operations_without_a_formula_are_named() -> None:
    network, x, y = CASES["prelu"].build()
    assert batched(network, x, y, entropy).notes == ["PreluKernelBackward0"]
    network, x, y = CASES["seg_resnet"].build()
    assert batched(network, x, y, CASES["seg_resnet"].loss).notes == []


# Random networks from every formula.


class Random(nn.Module):
    """Steps on [samples, tokens, 6], drawn from a list of names; samples or tokens first."""

    STEPS = (
        "linear", "plain", "tied", "left", "norm", "rms", "group", "convolution", "grouped", "strided", "scale",
        "shift", "token", "positions", "prelu", "gate", "attention", "einsum", "instance",
    )  # fmt: skip

    def __init__(self, steps: Sequence[str], tokens_first: bool) -> None:
        super().__init__()
        self.steps, self.tokens_first = steps, tokens_first
        self.tied, self.head = nn.Linear(6, 6), nn.Linear(6, 3)
        make = {
            "linear": lambda: nn.Linear(6, 6), "plain": lambda: nn.Linear(6, 6, bias=False),
            "norm": lambda: nn.LayerNorm(6), "rms": lambda: nn.RMSNorm(6), "group": lambda: nn.GroupNorm(2, 6),
            "convolution": lambda: nn.Conv1d(6, 6, 3, padding=1), "grouped": lambda: nn.Conv1d(6, 6, 2, groups=3),
            "strided": lambda: nn.ConvTranspose1d(6, 6, 3, stride=2, padding=1), "prelu": lambda: nn.PReLU(6),
            "instance": lambda: nn.InstanceNorm1d(6, affine=True),
            "attention": lambda: nn.MultiheadAttention(6, 2, batch_first=not tokens_first),
        }  # fmt: skip
        bare = {
            "left": (6, 6), "scale": (6,), "shift": (6,), "token": (1, 1, 6), "positions": (1, 1, 6), "gate": (6,),
            "einsum": (6, 6),
        }  # fmt: skip
        self.layers = nn.ModuleDict()
        self.bare = nn.ParameterDict()
        for i, step in enumerate(steps):
            if step in make:
                self.layers[str(i)] = make[step]()
            elif step in bare:
                self.bare[str(i)] = nn.Parameter(torch.randn(bare[step]))

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1) if self.tokens_first else x
        for i, step in enumerate(self.steps):
            layer = dict(self.layers.items()).get(str(i))
            bare = dict(self.bare.items()).get(str(i))
            if step in ("linear", "plain", "norm", "rms"):
                x = layer(x)
            elif step == "tied":
                x = self.tied(x)
            elif step in ("group", "convolution", "grouped", "strided", "instance"):
                axes = (1, 2, 0) if self.tokens_first else (0, 2, 1)
                back = (2, 0, 1) if self.tokens_first else (0, 2, 1)
                x = layer(x.permute(axes)).permute(back)
            elif step == "prelu":
                x = layer(x.flatten(0, 1)).view(x.shape)
            elif step == "left":
                x = (bare @ x.flatten(0, 1).T).T.view(x.shape)
            elif step == "einsum":
                x = torch.einsum("oi,abi->abo", bare, x)
            elif step == "scale":
                x = x * bare
            elif step == "gate":
                x = x * torch.sigmoid(bare)
            elif step in ("shift", "positions"):
                x = x - bare
            elif step == "token":
                tokens = 0 if self.tokens_first else 1
                shape = [1, x.shape[1], 6] if self.tokens_first else [len(x), 1, 6]
                x = torch.cat([bare.expand(shape), x], tokens)
            else:
                x = layer(x, x, x)[0]
            x = torch.tanh(x)
        return self.head(x.mean(0 if self.tokens_first else 1))


@given(
    steps=st.lists(st.sampled_from(Random.STEPS), min_size=1, max_size=5),
    tokens_first=st.booleans(),
    samples=st.integers(2, 6),
    tokens=st.integers(2, 6),
    ghost=st.sampled_from([None, False, True]),
    seed=st.integers(0, 1 << 20),
)
@settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_random_networks_equal_one_by_one(
    steps, tokens_first, samples, tokens, ghost, seed
) -> None:
    torch.manual_seed(seed)
    network = Random(steps, tokens_first).double()
    x, y = torch.randn(samples, tokens, 6, dtype=torch.float64), torch.randint(3, (samples,))
    reference = one_by_one(network, x, y, entropy)
    squares = sum(r.square().sum(1) for r in reference).unsqueeze(0)
    factors = clip_factors(squares)
    found = batched(network, x, y, entropy, ghost=ghost)
    assert distance([found.squared_norms], [squares]) < 1e-12
    assert distance(found.weighted_sum(factors), weighted(reference, factors)) < 1e-12
    single = network.float()
    rounded = one_by_one(single, x.float(), y, entropy)
    wanted = weighted(one_by_one(single.double(), x.float().double(), y, entropy), factors)
    found = batched(network.float(), x.float(), y, entropy, ghost=ghost).weighted_sum(factors)
    assert distance(found, wanted) < 5 * distance(weighted(rounded, factors), wanted) + 1e-6


# Batches.


def test_the_batch_may_vary_and_its_layout_is_found_once() -> None:
    torch.manual_seed(0)
    network, layouts = (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(64, 3)),
        SampleLayouts(),
    )
    network = network.double()
    for samples in (5, 3, 1, 8, 4, 2, 16, 5, 0, 7):
        x, y = torch.randn(samples, 3, 6, 6, dtype=torch.float64), torch.randint(3, (samples,))
        found = batched(network, x, y, entropy, layouts=layouts)
        ones = torch.ones(1, samples, dtype=torch.float64)
        if samples == 0:
            assert all(not g.any() for g in found.weighted_sum(ones))
            assert found.squared_norms.shape == (1, 0)
            continue
        assert (
            distance(found.weighted_sum(ones), weighted(one_by_one(network, x, y, entropy), ones))
            < 1e-12
        )
    assert layouts.probes == 1


def test_the_order_of_rows_is_found_anew_where_a_batch_looks_like_another() -> None:
    """Tokens and samples swap their numbers, so that a shape alone would mislead."""
    network, layouts = CASES["encoder_tokens_first"].build()[0], SampleLayouts()
    for samples, tokens in ((4, 6), (6, 4), (5, 5), (6, 4), (4, 6)):
        x, y = torch.randn(samples, tokens, 8, dtype=torch.float64), torch.randint(5, (samples,))
        found = batched(network, x, y, entropy, layouts=layouts)
        ones = torch.ones(1, samples, dtype=torch.float64)
        assert (
            distance(found.weighted_sum(ones), weighted(one_by_one(network, x, y, entropy), ones))
            < 1e-12
        )


def test_a_part_without_gradients_at_first_is_probed_when_it_has_some() -> None:
    network, layouts = CASES["encoder_tokens_first"].build()[0], SampleLayouts()
    nn.init.zeros_(network.head.weight)
    ones = torch.ones(1, 4, dtype=torch.float64)
    for step in range(4):
        if step == 2:
            nn.init.normal_(network.head.weight)
        x, y = torch.randn(4, 6, 8, dtype=torch.float64), torch.randint(5, (4,))
        found = batched(network, x, y, entropy, layouts=layouts)
        assert (
            distance(found.weighted_sum(ones), weighted(one_by_one(network, x, y, entropy), ones))
            < 1e-12
        )
        assert layouts.probes == (1 if step < 2 else 2)


def test_rows_that_are_zero_leave_an_order_open_that_later_batches_decide() -> None:
    """Only the first token counts: 5 samples of 6 tokens may as well lie token by token, for 6 is 1 modulo 5."""

    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head, self.all = nn.Linear(4, 4), nn.Linear(4, 3), 0.0

        def forward(self, x: Tensor) -> Tensor:
            z = torch.tanh(self.layer(x))
            return self.head(z[:, 0] + self.all * z.sum(1))

    network, layouts = First().double(), SampleLayouts()
    x, y = torch.randn(5, 6, 4, dtype=torch.float64), torch.randint(3, (5,))
    ones = torch.ones(1, 5, dtype=torch.float64)
    for everything, probes in ((0.0, 1), (0.0, 1), (0.3, 2), (0.0, 2), (0.3, 2)):
        network.all = everything
        found = batched(network, x, y, entropy, layouts=layouts)
        assert (
            distance(
                [found.squared_norms],
                [sum(r.square().sum(1) for r in one_by_one(network, x, y, entropy))],
            )
            < 1e-12
        )
        assert (
            distance(found.weighted_sum(ones), weighted(one_by_one(network, x, y, entropy), ones))
            < 1e-12
        )
        assert layouts.probes == probes


def test_more_samples_than_exponents_are_told_apart() -> None:
    network = perceptron().double()
    x, y = torch.randn(300, 6, dtype=torch.float64), torch.randint(3, (300,))
    ones = torch.ones(1, 300, dtype=torch.float64)
    found = batched(network, x, y, entropy)
    assert (
        distance(found.weighted_sum(ones), weighted(one_by_one(network, x, y, entropy), ones))
        < 1e-12
    )

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            z = self.layer(x)
            return z + 0.1 * torch.cat([z[256:257], z[1:256], z[0:1], z[257:]])

    with pytest.raises(cg.ConfigError, match="mixed"):
        batched(Pair().double(), x, y, entropy)


def test_images_of_one_patient_are_added_before_the_norm() -> None:
    for name in ("perceptron", "vision_transformer", "lstm", "language_model", "one_sample"):
        case = CASES[name]
        network, x, y = case.build()
        owners = [1, 0, 1, 2, 0][: len(x)] if len(x) > 1 else [0]
        patients = max(owners) + 1
        rows = [
            torch.zeros(patients, r.shape[1], dtype=r.dtype).index_add_(0, torch.tensor(owners), r)
            for r in one_by_one(network, x, y, case.loss)
        ]
        squares = sum(r.square().sum(1) for r in rows).unsqueeze(0)
        factors = clip_factors(squares)
        for ghost in GHOSTS.values():
            found = batched(network, x, y, case.loss, owners=owners, ghost=ghost)
            assert distance([found.squared_norms], [squares]) < 1e-12
            assert distance(found.weighted_sum(factors), weighted(rows, factors)) < 1e-12


def test_groups_have_norms_and_factors_of_their_own() -> None:
    for ghost in GHOSTS.values():
        network, x, y = CASES["perceptron"].build()
        rows = one_by_one(network, x, y, entropy)
        found = batched(network, x, y, entropy, groups=[0, 2, 1, 0], ghost=ghost)
        square = [r.square().sum(1) for r in rows]
        squares = torch.stack([square[0] + square[3], square[2], square[1]])
        assert distance([found.squared_norms], [squares]) < 1e-12
        factors = torch.rand(3, 5, dtype=torch.float64)
        wanted = [r.T @ factors[g] for r, g in zip(rows, (0, 2, 1, 0), strict=True)]
        assert distance(found.weighted_sum(factors), wanted) < 1e-12


@pytest.mark.parametrize("ghost", GHOSTS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e200])
def test_a_gradient_that_is_not_finite_harms_nobody_else(bad: float, ghost: str) -> None:
    for name in ("perceptron", "vision_transformer", "seg_resnet"):
        case = CASES[name]
        network, x, y = case.build()
        reference = one_by_one(network, x, y, case.loss)
        poisoned = x.clone()
        poisoned[1] = bad
        layouts = SampleLayouts()
        for _ in range(2):
            found = batched(network, poisoned, y, case.loss, ghost=GHOSTS[ghost], layouts=layouts)
            finite = found.squared_norms.isfinite()
            if bad != 1e200:
                assert finite.tolist() == [[i != 1 for i in range(len(x))]]
            factors = torch.ones(1, len(x), dtype=torch.float64)
            factors[0, 1] = 0
            assert distance(found.weighted_sum(factors), weighted(reference, factors)) < 1e-12


def test_sums_are_added_to_what_is_there() -> None:
    network, x, y = CASES["perceptron"].build()
    found = batched(network, x, y, entropy)
    ones = torch.ones(1, 5, dtype=torch.float64)
    sums = [torch.full_like(p, 2.0) for p in trainable(network)]
    found._core.add_weighted_sum(ones, sums)
    assert distance([s - 2 for s in sums], found.weighted_sum(ones)) < 1e-14


def test_parameters_without_a_part_have_gradients_of_zero() -> None:
    network, x, y = CASES["perceptron"].build()
    spare = nn.Parameter(torch.randn(3, 3, dtype=torch.float64))
    found = SampleGradients(entropy(network(x), y), [spare, *trainable(network)])
    sums = found.weighted_sum(torch.ones(1, 5, dtype=torch.float64))
    assert not sums[0].any() and sums[1].any()
    assert all(p.grad is None for p in (spare, *network.parameters()))


# What is left behind.


def test_the_graph_works_as_before_after_the_call() -> None:
    """Hooks must do nothing any more, also when the call was refused half way."""
    network, x, y = CASES["lstm"].build()
    layouts = SampleLayouts()
    batched(network, x, y, entropy, layouts=layouts)
    losses = entropy(network(x), y)
    wanted = torch.autograd.grad(losses.sum(), trainable(network), retain_graph=True)
    SampleGradients(losses, trainable(network), layouts)
    with pytest.raises(RuntimeError, match="second time"):
        losses.sum().backward()

    mixed = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)).double()
    z = mixed(x[:, 0])
    losses = entropy(z - z.mean(0), y)
    wanted = torch.autograd.grad(losses.sum(), trainable(mixed), retain_graph=True)
    with pytest.raises(cg.ConfigError, match="mixed"):
        SampleGradients(losses, trainable(mixed))
    gc.collect()
    again = torch.autograd.grad(losses.sum(), trainable(mixed), retain_graph=True)
    assert distance(again, wanted) == 0


def test_each_row_is_the_gradient_of_its_own_loss_on_the_same_graph() -> None:
    case = CASES["vision_transformer"]
    network, x, y = case.build()
    losses = case.loss(network(x), y)
    parameters = trainable(network)
    audit = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in losses]
    found = SampleGradients(losses, parameters, ghost=False)
    for j, gradients in enumerate(audit):
        assert (
            distance([found.of_parameter(k)[j] for k in range(len(parameters))], gradients) < 1e-12
        )


def test_nothing_is_kept_alive() -> None:
    network, x, y = CASES["perceptron"].build()
    losses = entropy(network(x), y)
    node = weakref.ref(losses)
    found = SampleGradients(losses, trainable(network))
    del losses
    assert node() is None and found.squared_norms.shape == (1, 5)


# Refusals: one sentence that names the place and the remedy.


class Mixing(nn.Module):
    def __init__(self, mix: Callable[[Tensor], Tensor], first: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.mix, self.head = first or nn.Linear(6, 8), mix, nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(self.first(x).relu()))


def over_channels(x: Tensor) -> Tensor:
    return F.batch_norm(x.T.unsqueeze(0), None, None, training=True).squeeze(0).T


MIXING = {
    "batch norm": (nn.BatchNorm1d(8), "batch normalisation in training"),
    "batch norm over [1, C, B]": (
        over_channels,
        "batch normalisation in training|NativeBatchNormBackward0",
    ),
    "centred by the batch": (lambda z: z - z.mean(0), "MeanBackward1, which feeds SubBackward0"),
    "slightly centred": (lambda z: z - 1e-6 * z.mean(0), "which feeds SubBackward0"),
    "rolled": (lambda z: z + z.roll(1, 0), "samples of a batch are mixed"),
    "layer norm over the batch": (
        lambda z: F.layer_norm(z.T, (len(z),)).T,
        "NativeLayerNormBackward0",
    ),
    "attention over the batch": (
        lambda z: F.softmax(z @ z.T, 1) @ z,
        "samples of a batch are mixed",
    ),
}


@pytest.mark.parametrize("name", MIXING)
def test_a_network_that_mixes_samples_is_refused_by_name(name: str) -> None:
    mix, message = MIXING[name]
    network = Mixing(mix).double()
    x, y = torch.randn(5, 6, dtype=torch.float64), torch.randint(3, (5,))
    with pytest.raises(cg.ConfigError, match=message) as error:
        batched(network, x, y, entropy)
    assert error.value.remedy and error.value.where
    with pytest.raises(cg.ConfigError, match=message):
        SampleGradients(entropy(network(x), y), trainable(network))


@pytest.mark.parametrize("name", MIXING)
def test_mixing_before_the_first_parameter_is_refused_with_inputs(name: str) -> None:
    network = nn.Sequential(nn.Flatten(), Mixing(MIXING[name][0], nn.Identity())).double()
    x, y = torch.randn(5, 8, dtype=torch.float64), torch.randint(3, (5,))
    with pytest.raises(cg.ConfigError, match=r"mixe[sd]|batch normalisation"):
        batched(network, x, y, entropy)


def test_a_loss_over_the_batch_is_refused() -> None:
    network, x, y = CASES["perceptron"].build()
    with pytest.raises(cg.ConfigError, match="mixed"):
        SampleGradients(F.cross_entropy(network(x), y).expand(5), trainable(network))
    with pytest.raises(cg.ConfigError, match="mixed"):  # equal seeds cancel, and still
        losses = entropy(network(x), y)
        SampleGradients(losses - losses.mean(), trainable(network))
    with pytest.raises(cg.ConfigError, match="one loss per sample"):
        SampleGradients(F.cross_entropy(network(x), y), trainable(network))


def test_instance_normalisation_is_not_batch_normalisation() -> None:
    network = UNet().double()
    x, y = torch.randn(3, 2, 8, 8, 8, dtype=torch.float64), torch.randint(2, (3, 8, 8, 8))
    found = batched(network, x, y, CASES["instance_norm_unet"].loss)
    assert found.squared_norms.min() > 0 and found.notes == []


def test_a_constant_beside_a_parameter_is_told_from_samples_by_the_inputs() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.layer = nn.Parameter(torch.rand(6)), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x * (1 + self.weight))

    network = Shifted().double()
    x, y = torch.randn(3, 6, dtype=torch.float64), torch.randint(3, (3,))
    with pytest.raises(cg.ConfigError, match="give the batch as `inputs`"):
        SampleGradients(entropy(network(x), y), trainable(network))
    ones = torch.ones(1, 3, dtype=torch.float64)
    found = batched(network, x, y, entropy).weighted_sum(ones)
    assert distance(found, weighted(one_by_one(network, x, y, entropy), ones)) < 1e-12


def test_arguments_that_do_not_fit_are_refused() -> None:
    network, x, y = CASES["perceptron"].build()
    parameters = trainable(network)
    losses = lambda: entropy(network(x), y)  # noqa: E731
    with pytest.raises(cg.ConfigError, match="no graph"):
        SampleGradients(losses().detach(), parameters)
    with pytest.raises(cg.ConfigError, match="cannot have a gradient"):
        SampleGradients(losses(), [parameters[0] * 2])
    with pytest.raises(cg.ConfigError, match="listed twice"):
        SampleGradients(losses(), [parameters[0], parameters[0]])
    with pytest.raises(cg.ConfigError, match="owners"):
        SampleGradients(losses(), parameters, owners=[0, 1])
    with pytest.raises(cg.ConfigError, match="groups"):
        SampleGradients(losses(), parameters, groups=[-1, 0, 0, 0])
    with pytest.raises(cg.ConfigError, match="an input"):
        SampleGradients(losses(), parameters, inputs=[x])
    with pytest.raises(ValueError, match="clip"):
        clipped_gradients(losses(), parameters, clip=0.0)
    words = nn.Sequential(
        nn.Embedding(5, 4, scale_grad_by_freq=True), nn.Flatten(), nn.Linear(12, 3)
    )
    with pytest.raises(cg.ConfigError, match="scale_grad_by_freq"):
        SampleGradients(entropy(words(torch.randint(5, (4, 3))), y[:4]), words.parameters())


def test_parameters_hidden_by_checkpointing_are_refused_and_not_forgotten() -> None:
    from torch.utils.checkpoint import checkpoint

    network, x, y = CASES["perceptron"].build()
    x.requires_grad_()
    for reentrant, message in ((True, "do not checkpoint"), (False, "recomputed|checkpoint")):
        losses = entropy(checkpoint(network, x, use_reentrant=reentrant), y)
        with pytest.raises(RuntimeError, match=message):
            SampleGradients(losses, trainable(network), inputs=[x])


# The production kernel.


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_grouped_single_precision_convolution_is_as_exact_as_the_plain_one(
    rank: int, groups: int
) -> None:
    """Double has no fast convolution, so tests in double never run the kernel that counts."""
    torch.manual_seed(rank)
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
    layer = kind(4, 6, 3, stride=2, padding=1, groups=groups)
    x = torch.randn(4, 4, *[13] * rank)
    weights = torch.randn_like(layer(x))
    loss = lambda outputs, w: (outputs * w).flatten(1).sum(1)  # noqa: E731
    ones = torch.ones(1, 4, dtype=torch.float64)
    found = batched(layer, x, weights, loss, ghost=False)
    summed = found.weighted_sum(ones)
    plain = torch.autograd.grad(loss(layer(x), weights).sum(), list(layer.parameters()))
    truth = one_by_one(layer.double(), x.double(), weights.double(), loss)
    exact = weighted(truth, ones)
    assert distance(summed, exact) < 3 * distance(plain, exact) + 2e-7
    for sample in range(4):
        mine = [found.of_parameter(k)[sample] for k in range(2)]
        assert distance(mine, [t[sample] for t in truth]) < 2e-6


def test_clipped_gradients_are_those_of_the_definition() -> None:
    case = Case(perceptron, images(5, 6), labels(3, 5))
    network, x, y = case.build()
    rows = one_by_one(network, x, y, entropy)
    norms = sum(r.square().sum(1) for r in rows).sqrt()
    clip = float(norms.median())
    within = clip * (1 - 2**-10)
    gradients, found = clipped_gradients(entropy(network(x), y), network.parameters(), clip)
    assert distance([found], [norms]) < 1e-12
    factors = torch.minimum(torch.ones(5, dtype=torch.float64), within / norms).unsqueeze(0)
    assert 0 < (factors < 1).sum() < 5
    assert distance(gradients, weighted(rows, factors)) < 1e-12
