"""Learning-rate schedules as pure functions of the step.

Steps count from 1: `step` is the one about to be taken. What depends on the course of a training (the reduction on a
plateau) is state of the training engine and not here; `planned_rate` gives the part that is known beforehand, so that
a page can draw it.
"""

from __future__ import annotations

import math

from app.domain.optimization_spec import ScheduleKind, ScheduleSpec

#: Schedules that a warm-up may precede; the other two rise by themselves.
WARMED_UP = frozenset({ScheduleKind.CONSTANT, ScheduleKind.PLATEAU, ScheduleKind.COSINE})


def warmup_factor(step: int, *, warmup_steps: int) -> float:
    """Return min(1, step / warmup_steps), by which the rate is multiplied.

    References
    ----------
    Goyal et al. 2017, "Accurate, large minibatch SGD", arXiv 1706.02677, section 2.2 (gradual warm-up).
    """
    return min(1.0, step / warmup_steps) if warmup_steps > 0 else 1.0


def cosine_rate(step: int, *, highest: float, lowest: float, first_step: int, last_step: int) -> float:
    """Return η = lowest + ½ (highest − lowest) (1 + cos(π t)), where t runs from 0 at `first_step` to 1 at `last_step`.

    Before and after, the rate is constant.

    References
    ----------
    Loshchilov & Hutter 2017, "SGDR: Stochastic gradient descent with warm restarts", arXiv 1608.03983, equation 5
    (one period, no restart).
    """
    fraction = (step - first_step) / max(1, last_step - first_step)
    return _cosine_between(highest, lowest, min(max(fraction, 0.0), 1.0))


def one_cycle_rate(
    step: int, *, highest: float, steps: int, rise: float, start_divisor: float, end_divisor: float
) -> float:
    """Return the rate of one cycle: along half a cosine from `highest` / `start_divisor` up to `highest`, then down.

    The top is at the step ``round(rise · steps)``, the end, at `steps`, is the start divided by `end_divisor`.

    References
    ----------
    Smith & Topin 2019, "Super-convergence: very fast training of neural networks using large learning rates",
    arXiv 1708.07120. The cosine in place of straight lines is later practice; the momentum is not cycled here.
    """
    start = highest / start_divisor
    top = max(1, round(rise * steps))
    if step <= top:
        return _cosine_between(start, highest, (step - 1) / max(1, top - 1) if top > 1 else 1.0)
    return _cosine_between(highest, start / end_divisor, min(1.0, (step - top) / max(1, steps - top)))


def triangular_rate(step: int, *, highest: float, lowest: float, half_cycle_steps: float) -> float:
    """Return the rate of the triangular policy: up and down between `lowest` and `highest`, for ever.

    With i = step − 1 and s = `half_cycle_steps`::

        cycle = floor(1 + i / (2 s))    x = |i / s − 2 cycle + 1|    η = lowest + (highest − lowest) max(0, 1 − x)

    References
    ----------
    Smith 2017, "Cyclical learning rates for training neural networks", arXiv 1506.01186, section 3.1.
    """
    position = (step - 1) / half_cycle_steps
    cycle = math.floor(1 + position / 2)
    return lowest + (highest - lowest) * max(0.0, 1 - abs(position - 2 * cycle + 1))


def planned_rate(
    spec: ScheduleSpec, *, step: int, steps_per_epoch: int, epochs: int, highest: float, lowest: float
) -> float:
    """Return the learning rate that `spec` plans for a step.

    Parameters
    ----------
    spec : ScheduleSpec
        For a plateau, this is the rate without any reduction.
    step : int
        Global, from 1.
    steps_per_epoch, epochs : int
        Size of the whole plan. Extending a run makes the plan longer; the rate follows the longer plan from then on.
    highest, lowest : float
        The model's learning rate, and the one below which it never falls (one cycle: its end divisors decide).
    """
    steps = steps_per_epoch * epochs
    floor = min(lowest, highest)
    warmup_steps = spec.warmup_epochs * steps_per_epoch if spec.kind in WARMED_UP else 0
    match spec.kind:
        case ScheduleKind.CONSTANT | ScheduleKind.PLATEAU:
            rate = highest
        case ScheduleKind.COSINE:
            rate = cosine_rate(step, highest=highest, lowest=floor, first_step=warmup_steps + 1, last_step=steps)
        case ScheduleKind.ONE_CYCLE:
            rate = one_cycle_rate(
                step,
                highest=highest,
                steps=steps,
                rise=spec.one_cycle_rise,
                start_divisor=spec.one_cycle_start_divisor,
                end_divisor=spec.one_cycle_end_divisor,
            )
        case ScheduleKind.CYCLICAL:
            rate = triangular_rate(
                step,
                highest=highest,
                lowest=max(floor, highest * spec.cycle_low_fraction),
                half_cycle_steps=spec.cycle_epochs * steps_per_epoch / 2,
            )
    return rate * warmup_factor(step, warmup_steps=warmup_steps)


def _cosine_between(start: float, end: float, fraction: float) -> float:
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * fraction))
