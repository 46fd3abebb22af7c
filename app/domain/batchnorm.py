"""Whether the moving statistics of batch normalisation converge in a training, and the momentum with which they do."""

from __future__ import annotations

import math

#: Moving statistics count as converged from updates × (1 − momentum) = 5 on: they then keep e⁻⁵ = 0.7 % of their
#: initial values (CAUSES, *batchnorm-lag*: static evidence).
BATCHNORM_CONVERGENCE = 5.0

#: The momentum to advise: with it, all else equal, the reproduced collapse ended at 0.42 instead of 1e-11 (DESIGN, §1).
ADVISED_MOMENTUM = 0.9

#: Below, a single batch would decide what validation sees.
LOWEST_MOMENTUM = 0.5


def convergence(*, updates: int, momentum: float) -> float:
    """Return updates × (1 − momentum): how many time constants the moving statistics have had."""
    return updates * (1 - momentum)


def initial_share(*, updates: int, momentum: float) -> float:
    """Return momentum^updates: the share of their initial values that the moving statistics still hold (0 to 1)."""
    return float(momentum**updates)


def percent(share: float) -> str:
    """Write a share; one below a percent keeps a digit, because "0 %" would deny it.

    Examples
    --------
    >>> percent(0.4475), percent(0.0066)
    ('45 %', '0.7 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1g} %"


def advised_momentum(updates: int) -> float | None:
    """Return a momentum with which the statistics converge in `updates`; None if no sensible one exists.

    0.9 where that is enough; less for shorter trainings, rounded down to a twentieth, down to 0.5: below, a single
    batch would decide.
    """
    if convergence(updates=updates, momentum=ADVISED_MOMENTUM) >= BATCHNORM_CONVERGENCE - 1e-9:
        return ADVISED_MOMENTUM
    if updates < 1:
        return None
    momentum = math.floor(20 * (1 - BATCHNORM_CONVERGENCE / updates) + 1e-9) / 20
    return momentum if momentum >= LOWEST_MOMENTUM else None


def batchnorm_warning(*, updates: int, momentum: float) -> str | None:
    """Say that the moving statistics will not converge, and what would help; None if they will.

    Parameters
    ----------
    updates : int
        Optimizer steps of the whole plan.
    momentum : float
        Momentum of the batch normalisations.

    References
    ----------
    Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576.
    """
    if convergence(updates=updates, momentum=momentum) >= BATCHNORM_CONVERGENCE - 1e-9:
        return None
    share = percent(initial_share(updates=updates, momentum=momentum))
    message = (
        f"The moving statistics will not converge in {updates} updates: they keep {share} of their initial values, so "
        "that validation may collapse while training looks well"
    )
    advised = advised_momentum(updates)
    if advised is None or advised >= momentum:
        return f"{message}."
    return f"{message}; momentum {advised:g} would converge."


def automatic_momentum(*, steps_per_epoch: int, epochs: int, early_stopping_patience: int) -> float:
    """Return the momentum of a run that was left to choose it.

    As slow as still converges in the shortest run that the plan allows: early stopping may end one after
    `early_stopping_patience` + 1 epochs (0: never).

    Parameters
    ----------
    steps_per_epoch, epochs : int
        The plan.
    early_stopping_patience : int
        Epochs without a better score before the run ends.
    """
    shortest = min(early_stopping_patience + 1, epochs) if early_stopping_patience else epochs
    advised = advised_momentum(steps_per_epoch * shortest)
    return LOWEST_MOMENTUM if advised is None else advised
