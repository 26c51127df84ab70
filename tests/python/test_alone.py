"""The parts people use alone, against independent implementations."""

from __future__ import annotations

import collegium as cg
import numpy as np
import pytest
import torch
from monai.losses import DiceLoss as MonaiDice
from monai.networks.nets import SegResNet as MonaiSegResNet


@pytest.fixture(scope="module")
def pair() -> tuple[cg.networks.SegResNet, MonaiSegResNet]:
    torch.manual_seed(0)
    return (
        cg.networks.SegResNet(init_filters=8, in_channels=4, out_channels=3),
        MonaiSegResNet(init_filters=8, in_channels=4, out_channels=3, dropout_prob=0.2).eval(),
    )


def test_segresnet_loads_from_monai_and_agrees(pair) -> None:
    ours, theirs = pair
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 4, 16, 24, 16)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=2e-4, atol=2e-5)


def test_monai_loads_our_segresnet_and_agrees(pair) -> None:
    ours, theirs = pair
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(1, 4, 16, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=2e-4, atol=2e-5)
    assert ours.parameter_count() == 1_176_843


def test_a_state_dict_of_another_network_is_refused_by_name() -> None:
    network = cg.networks.SegResNet(init_filters=8)
    state = dict(network.state_dict())
    state["convInit.conv.wieght"] = state.pop("convInit.conv.weight")
    with pytest.raises(KeyError, match=r"convInit\.conv\.weight"):
        network.load_state_dict(state)


@pytest.mark.parametrize("squared_pred", [True, False])
@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("smooth_nr", [0.0, 1e-5])
@pytest.mark.parametrize("sigmoid", [True, False])
def test_dice_loss_and_its_gradient_are_monais(squared_pred, batch, smooth_nr, sigmoid) -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 3, 6, 5, 4) if sigmoid else torch.rand(2, 3, 6, 5, 4)
    target = (torch.rand(2, 3, 6, 5, 4) > 0.7).float()
    target[0, 2] = 0
    options = {
        "sigmoid": sigmoid,
        "squared_pred": squared_pred,
        "batch": batch,
        "smooth_nr": smooth_nr,
        "smooth_dr": 1e-5,
    }
    gradients, values = [], []
    for loss in (cg.losses.DiceLoss(**options), MonaiDice(**options)):
        leaf = x.clone().requires_grad_()
        value = loss(leaf, target)
        value.backward()
        gradients.append(leaf.grad)
        values.append(value.detach())
    torch.testing.assert_close(values[0], values[1], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-8)


def ball(centre: tuple[float, ...], radius: float, shape=(20, 18, 16)) -> np.ndarray:
    grid = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def surface_distances(a: np.ndarray, b: np.ndarray, spacing) -> np.ndarray:
    """Directed distances by scipy, for the oracle."""
    from scipy import ndimage as ndi

    cross = ndi.generate_binary_structure(3, 1)
    edge_a, edge_b = (m ^ ndi.binary_erosion(m, cross) for m in (a, b))
    return ndi.distance_transform_edt(~edge_b, sampling=spacing)[edge_a]


def test_hd95_agrees_with_distances_by_scipy() -> None:
    a, b, spacing = ball((9, 8, 7), 5.2), ball((11, 8, 8), 4.1), (1.0, 1.5, 3.0)
    there, back = surface_distances(a, b, spacing), surface_distances(b, a, spacing)
    brats = np.percentile(np.concatenate([there, back]), 95)
    monai = max(np.percentile(there, 95), np.percentile(back, 95))
    assert cg.metrics.hausdorff95(a, b, spacing=spacing) == pytest.approx(brats, rel=1e-5)
    assert cg.metrics.hausdorff95(a, b, spacing=spacing, method="monai") == pytest.approx(
        monai, rel=1e-5
    )


def test_dice_and_hd95_follow_the_brats_rules_for_empty_masks() -> None:
    empty, full = np.zeros((4, 5, 6), bool), np.ones((4, 5, 6), bool)
    assert cg.metrics.dice(empty, empty) == 1
    assert cg.metrics.dice(empty, full) == 0
    assert cg.metrics.hausdorff95(empty, empty) == 0
    assert cg.metrics.hausdorff95(full, empty) == 373.13


def test_epsilon_is_never_below_dp_accountings_tight_bound() -> None:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
    from dp_accounting.pld import PLDAccountant

    for noise, rate, steps, delta in (
        (1.1, 0.1, 200, 1e-5),
        (4.0, 0.25, 300, 1e-3),
        (0.8, 0.01, 500, 1e-5),
    ):
        tight = (
            PLDAccountant()
            .compose(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)), steps)
            .get_epsilon(delta)
        )
        ours = cg.privacy.epsilon(
            noise_multiplier=noise, sampling_rate=rate, steps=steps, delta=delta
        )
        assert tight * 0.9999 <= ours <= 1.35 * tight


def test_calibration_meets_its_target_and_wastes_little() -> None:
    noise = cg.privacy.calibrate(epsilon=3.0, delta=1e-3, sampling_rate=0.2, steps=100)
    reached = cg.privacy.epsilon(noise_multiplier=noise, sampling_rate=0.2, steps=100, delta=1e-3)
    assert 2.98 < reached <= 3.0


def test_aggregate_is_the_weighted_mean_and_the_median() -> None:
    generator = np.random.default_rng(0)
    updates = [generator.normal(size=(7, 11)).astype(np.float32) for _ in range(5)]
    weights = [1.0, 2.0, 0.5, 4.0, 3.0]
    np.testing.assert_allclose(
        cg.aggregate("weighted_mean", updates, weights),
        np.average(updates, axis=0, weights=weights),
        atol=1e-6,
    )
    np.testing.assert_array_equal(
        cg.aggregate("coordinate_median", updates), np.median(updates, axis=0)
    )


def test_an_unknown_aggregator_names_those_there_are() -> None:
    with pytest.raises(cg.CollegiumError, match="coordinate_median"):
        cg.aggregate("coordinate_medain", [np.zeros(3)])


def test_plugins_are_listed_with_what_they_offer() -> None:
    frame = cg.plugins.list()
    assert {"weighted_mean", "coordinate_median", "percentile", "sparse_vector"} <= set(
        frame["name"]
    )
    assert (frame["refused"] == "").all()
