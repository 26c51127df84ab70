"""The accountants through Python, against dp-accounting, on queries nobody chose."""

from __future__ import annotations

import math

import collegium as cg
import dp_accounting
import pytest
from collegium.privacy import Event
from dp_accounting.pld import PLDAccountant, privacy_loss_distribution
from hypothesis import given, settings
from hypothesis import strategies as st

few = settings(max_examples=15, deadline=None, derandomize=True, database=None)
deltas = st.floats(1e-8, 1e-2)


def reference(events: list[tuple[dp_accounting.DpEvent, int]], delta: float) -> float:
    """Pessimistic connect-the-dots on dp-accounting's default grid."""
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    for event, count in events:
        accountant.compose(event, count)
    return accountant.get_epsilon(delta)


@few
@given(
    noise=st.floats(0.7, 12.0), rate=st.floats(0.002, 0.6), steps=st.integers(1, 800), delta=deltas
)
def test_sampled_training_lies_between_bounds_from_below_and_above(
    noise, rate, steps, delta
) -> None:
    ours = cg.privacy.epsilon(noise_multiplier=noise, sampling_rate=rate, steps=steps, delta=delta)
    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise))
    above = reference([(event, steps)], delta)
    below = (
        privacy_loss_distribution.from_gaussian_mechanism(
            noise, sampling_prob=rate, pessimistic_estimate=False, use_connect_dots=False
        )
        .self_compose(steps)
        .get_epsilon_for_delta(delta)
    )
    assert below <= ours <= above * 1.001 + 1e-3


@few
@given(
    training=st.tuples(st.floats(1.0, 5.0), st.floats(0.01, 0.3), st.integers(1, 300)),
    gaussian=st.tuples(st.floats(5.0, 50.0), st.integers(1, 20)),
    laplace=st.tuples(st.floats(5.0, 50.0), st.integers(1, 20)),
    delta=deltas,
)
def test_mixtures_are_at_most_the_references_and_no_less_than_their_parts(
    training, gaussian, laplace, delta
) -> None:
    noise, rate, steps = training
    ours = [
        Event("sampled_gaussian", noise_multiplier=noise, sampling_rate=rate, count=steps),
        Event("gaussian", noise_multiplier=gaussian[0], count=gaussian[1]),
        Event("laplace", noise_multiplier=laplace[0], count=laplace[1]),
    ]
    theirs = [
        (
            dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise)),
            steps,
        ),
        (dp_accounting.GaussianDpEvent(gaussian[0]), gaussian[1]),
        (dp_accounting.LaplaceDpEvent(laplace[0]), laplace[1]),
    ]
    above = reference(theirs, delta)
    found = cg.privacy.compose(ours, delta)
    assert found.epsilon <= above * 1.001 + 1e-3
    assert found.epsilon >= above * 0.99 - 1e-2, "the grids differ, the truth does not"
    assert found.epsilon == min(found.privacy_loss, found.renyi, found.plain_sum)
    for part in ours:
        assert found.epsilon >= cg.privacy.compose([part], delta).epsilon * (1 - 2e-4) - 1e-5


def test_a_composition_says_who_found_it() -> None:
    unsampled = cg.privacy.compose([Event("gaussian", noise_multiplier=5.0)], 1e-5)
    assert unsampled.accountant == "exact Gaussian"
    fixed = Event(
        "fixed_size_gaussian",
        noise_multiplier=4.0,
        sampling_rate=0.1,
        count=100,
        neighbours="replace_one",
    )
    assert cg.privacy.compose([fixed], 1e-5).accountant == "Renyi divergences"
    unbounded = cg.privacy.compose([Event("unbounded", reason="percentile")], 1e-5)
    assert math.isinf(unbounded.epsilon) and unbounded.accountant == "no guarantee"
    assert "0.1" in cg.privacy.compose([Event("pure", epsilon=0.1)], 0.0)._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"noise_multiplier": -1.0}, "noise multiplier"),
        ({"noise_multiplier": math.nan}, "noise multiplier"),
        ({"sampling_rate": 1.5}, "sampling rate"),
        ({"steps": -1}, "negative count"),
        ({"delta": 1.0}, "delta"),
        ({"delta": math.nan}, "delta"),
    ],
)
def test_bad_numbers_are_named(arguments, says) -> None:
    good = {"noise_multiplier": 1.0, "sampling_rate": 0.1, "steps": 10, "delta": 1e-5}
    with pytest.raises(cg.ConfigError, match=says):
        cg.privacy.epsilon(**{**good, **arguments})


def test_unknown_kinds_and_relations_are_named_with_the_known_ones() -> None:
    with pytest.raises(cg.ConfigError, match=r"sampled_gaussian"):
        Event("gausian", noise_multiplier=1.0)
    with pytest.raises(cg.ConfigError, match=r"add_or_remove"):
        Event("gaussian", noise_multiplier=1.0, neighbours="all")


def test_calibration_inverts_epsilon_whichever_of_three_is_unknown() -> None:
    at = {"delta": 1e-4, "sampling_rate": 0.1}
    noise = cg.privacy.calibrate(epsilon=3.0, steps=300, **at)
    assert 2.999 < cg.privacy.calibrate(noise_multiplier=noise, steps=300, **at) <= 3.0
    assert 299 <= cg.privacy.calibrate(epsilon=3.0, noise_multiplier=noise, **at) <= 300
    with pytest.raises(cg.ConfigError, match="exactly one"):
        cg.privacy.calibrate(epsilon=3.0, **at)
    with pytest.raises(cg.ConfigError, match="exactly one"):
        cg.privacy.calibrate(epsilon=3.0, noise_multiplier=1.0, steps=3, **at)
    with pytest.raises(cg.ConfigError, match="cannot be reached"):
        cg.privacy.calibrate(epsilon=0.01, noise_multiplier=0.5, **at)


@pytest.fixture(scope="module")
def sites() -> dict[str, int]:
    return {"guys": 77, "leeds": 40, "dorset": 6, "bath": 12}


def test_a_plan_names_who_is_too_small_with_the_reason_and_the_remedy(sites) -> None:
    plan = cg.privacy.plan(
        sites=sites, epsilon=3.0, delta=0.02, batch_size=16, rounds=[10, 20], local_steps=5
    )
    table = plan.table.set_index("site")
    assert len(plan.table) == 8
    assert table.loc["leeds", "protected"].all()
    assert table.loc["leeds", "epsilon"].between(2.99, 3.0).all()
    remarks = dict(zip(plan.unprotected["site"], plan.unprotected["remark"], strict=True))
    assert set(remarks) == {"guys", "dorset", "bath"}
    assert "delta" in remarks["guys"] and "1 / n" in remarks["guys"]
    assert "smaller batches" in remarks["dorset"]
    assert "smaller batches" in remarks["bath"]
    html = plan._repr_html_()
    assert "Not protected" in html and "dorset" in html
    tiny = cg.privacy.plan(sites={"dorset": 6}, epsilon=3.0, delta=1e-3, batch_size=2, rounds=5)
    assert "too few" in tiny.unprotected["remark"][0]


def test_a_plan_can_start_from_the_noise_and_draws_itself(sites) -> None:
    plan = cg.privacy.plan(
        sites=sites, noise_multiplier=4.0, delta=1e-3, batch_size=8, rounds=20, local_steps=5
    )
    row = plan.table.set_index("site").loc["guys"]
    assert row["epsilon"] == cg.privacy.epsilon(
        noise_multiplier=4.0, sampling_rate=8 / 77, steps=100, delta=1e-3
    )
    assert row["noise_per_batch"] == 0.5
    figure = plan.plot()
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "noise multiplier",
        "rounds",
        "patients a batch",
    ]
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert "guys (77)" in labels and not any("dorset" in label for label in labels)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"epsilon": None}, "exactly one"),
        ({"noise_multiplier": 1.0}, "exactly one"),
        ({"delta": 0.0}, "delta"),
        ({"batch_size": 0}, "batch_size"),
        ({"rounds": []}, "rounds"),
        ({"sites": {"guys": 7.5}}, "patients"),
    ],
)
def test_a_plan_refuses_what_is_no_plan(sites, changed, says) -> None:
    good = {"sites": sites, "epsilon": 3.0, "delta": 1e-3, "batch_size": 8, "rounds": 10}
    with pytest.raises(cg.ConfigError, match=says):
        cg.privacy.plan(**{**good, **changed})
