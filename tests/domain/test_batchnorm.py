"""Whether moving statistics converge, and the momentum with which they do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.batchnorm import (
    LOWEST_MOMENTUM,
    advised_momentum,
    automatic_momentum,
    batchnorm_warning,
    convergence,
    initial_share,
)


def test_convergence_and_initial_share() -> None:
    assert convergence(updates=80, momentum=0.99) == pytest.approx(0.8)
    assert initial_share(updates=80, momentum=0.99) == pytest.approx(0.4475, abs=1e-4)
    assert initial_share(updates=5, momentum=0.0) == 0.0


def test_batchnorm_warning_of_the_report() -> None:
    message = batchnorm_warning(updates=80, momentum=0.99)
    assert message is not None
    assert "will not converge in 80 updates: they keep 45 % of their initial values" in message
    assert "momentum 0.9 would" in message


@pytest.mark.parametrize(("updates", "momentum"), [(500, 0.99), (50, 0.9), (5, 0.0), (100_000, 0.999)])
def test_enough_updates_need_no_warning(updates: int, momentum: float) -> None:
    assert batchnorm_warning(updates=updates, momentum=momentum) is None


@pytest.mark.parametrize(("updates", "momentum"), [(499, 0.99), (49, 0.9), (4, 0.0)])
def test_one_update_less_does(updates: int, momentum: float) -> None:
    assert batchnorm_warning(updates=updates, momentum=momentum) is not None


@pytest.mark.parametrize(
    ("updates", "expected"), [(80, 0.9), (50, 0.9), (49, 0.85), (20, 0.75), (10, 0.5), (9, None), (0, None)]
)
def test_advised_momentum_converges(updates: int, expected: float | None) -> None:
    assert advised_momentum(updates) == expected
    if expected is not None:
        assert batchnorm_warning(updates=updates, momentum=expected) is None


def test_advice_that_would_not_help_is_not_given() -> None:
    assert "would converge" not in (batchnorm_warning(updates=4, momentum=0.9) or "")


def test_the_automatic_momentum_of_the_report_is_fitted_to_where_early_stopping_may_end_it() -> None:
    # 100 epochs of 1 step would bear 0.9; 16 of them are 16 updates.
    assert automatic_momentum(steps_per_epoch=1, epochs=100, early_stopping_patience=0) == 0.9
    assert automatic_momentum(steps_per_epoch=1, epochs=100, early_stopping_patience=15) == advised_momentum(16)


@given(st.integers(1, 500), st.integers(1, 300), st.integers(0, 300))
def test_the_automatic_momentum_converges_wherever_one_can(steps: int, epochs: int, patience: int) -> None:
    momentum = automatic_momentum(steps_per_epoch=steps, epochs=epochs, early_stopping_patience=patience)
    assert LOWEST_MOMENTUM <= momentum <= 0.9
    shortest = steps * (min(epochs, patience + 1) if patience else epochs)
    if shortest >= 10:
        assert batchnorm_warning(updates=shortest, momentum=momentum) is None
