"""The schedules are the published formulas."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.optimization_spec import ScheduleKind, ScheduleSpec
from app.domain.schedules import cosine_rate, one_cycle_rate, planned_rate, triangular_rate, warmup_factor

HIGHEST, LOWEST = 1e-2, 1e-6


def course(spec: ScheduleSpec, *, steps_per_epoch: int = 10, epochs: int = 20) -> list[float]:
    return [
        planned_rate(spec, step=step, steps_per_epoch=steps_per_epoch, epochs=epochs, highest=HIGHEST, lowest=LOWEST)
        for step in range(1, steps_per_epoch * epochs + 1)
    ]


def test_warmup_rises_in_equal_steps() -> None:
    assert [warmup_factor(step, warmup_steps=4) for step in range(1, 7)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert warmup_factor(1, warmup_steps=0) == 1


def test_cosine_by_hand() -> None:
    rates = [cosine_rate(step, highest=1, lowest=0.2, first_step=3, last_step=7) for step in range(1, 10)]
    by_hand = [1, 1, 1, 0.6 + 0.4 * math.sqrt(0.5), 0.6, 0.6 - 0.4 * math.sqrt(0.5), 0.2, 0.2, 0.2]
    assert rates == pytest.approx(by_hand)


def test_one_cycle_by_hand() -> None:
    rates = [
        one_cycle_rate(step, highest=1, steps=10, rise=0.3, start_divisor=4, end_divisor=10) for step in range(1, 11)
    ]
    assert rates[:3] == pytest.approx([0.25, 0.625, 1])
    assert rates[-1] == pytest.approx(0.025)
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_triangular_by_hand() -> None:
    rates = [triangular_rate(step, highest=1, lowest=0.2, half_cycle_steps=2) for step in range(1, 10)]
    assert rates == pytest.approx([0.2, 0.6, 1, 0.6, 0.2, 0.6, 1, 0.6, 0.2])


@pytest.mark.parametrize("kind", [ScheduleKind.CONSTANT, ScheduleKind.PLATEAU])
def test_without_a_course_of_its_own_the_rate_stays(kind: ScheduleKind) -> None:
    assert set(course(ScheduleSpec(kind=kind))) == {HIGHEST}


def test_cosine_after_a_warmup_reaches_the_highest_once_and_the_lowest_at_the_end() -> None:
    rates = course(ScheduleSpec(kind=ScheduleKind.COSINE, warmup_epochs=3))
    assert rates[0] == pytest.approx(HIGHEST / 30)
    assert rates.index(max(rates)) == 29
    assert max(rates) == HIGHEST
    assert rates[-1] == pytest.approx(LOWEST)


def test_a_cycle_takes_its_epochs() -> None:
    rates = course(ScheduleSpec(kind=ScheduleKind.CYCLICAL, cycle_epochs=4, cycle_low_fraction=0.5))
    assert rates[:40] == pytest.approx(rates[40:80])
    assert min(rates) == rates[0] == HIGHEST / 2
    assert rates[20] == pytest.approx(HIGHEST)


@given(
    st.sampled_from(ScheduleKind),
    st.integers(0, 30),
    st.integers(1, 7),
    st.integers(1, 30),
    st.integers(1, 12),
    st.floats(0.01, 0.99),
)
def test_every_rate_is_positive_and_never_above_the_highest(
    kind: ScheduleKind, warmup: int, steps_per_epoch: int, epochs: int, cycle_epochs: int, rise: float
) -> None:
    spec = ScheduleSpec(kind=kind, warmup_epochs=warmup, cycle_epochs=cycle_epochs, one_cycle_rise=rise)
    for rate in course(spec, steps_per_epoch=steps_per_epoch, epochs=epochs):
        assert 0 < rate <= HIGHEST * (1 + 1e-12)


def test_a_floor_above_the_rate_does_not_raise_it() -> None:
    spec = ScheduleSpec(kind=ScheduleKind.COSINE)
    assert planned_rate(spec, step=5, steps_per_epoch=1, epochs=5, highest=1e-7, lowest=1e-6) == 1e-7
