"""What the optimizer gets at each step, and that a restored state continues the course."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.domain.optimization_spec import ScheduleKind, ScheduleSpec
from tests.worker.training.tiny_training import make_config
from worker.training.learning_rate import LearningRate

LOSSES = [0.5, 0.5, 0.5, 0.4, 0.4, 0.4]


def make_rate(kind: ScheduleKind, *, warmup_epochs: int = 0) -> LearningRate:
    config = make_config(epochs=len(LOSSES), learning_rate=0.1, reduce_lr_patience=1).model_copy(
        update={"schedule": ScheduleSpec(kind=kind, warmup_epochs=warmup_epochs)}
    )
    return LearningRate(config, steps_per_epoch=2)


def course(rate: LearningRate, *, restore_after: int = 0, kind: ScheduleKind = ScheduleKind.PLATEAU) -> list[float]:
    rates = []
    for epoch, loss in enumerate(LOSSES, start=1):
        rates += [rate.at(2 * epoch - 1), rate.at(2 * epoch)]
        rate.epoch_ended(epoch, loss)
        if epoch == restore_after:
            state = json.loads(json.dumps(rate.state(), allow_nan=False))
            rate = make_rate(kind)
            rate.restore(state)
    return rates


def test_a_plateau_halves_the_rate_after_each_epoch_without_progress() -> None:
    rates = course(make_rate(ScheduleKind.PLATEAU))
    assert rates == pytest.approx([0.1] * 4 + [0.05] * 2 + [0.025] * 4 + [0.0125] * 2)


def test_a_warmup_does_not_count_for_the_plateau() -> None:
    rates = course(make_rate(ScheduleKind.PLATEAU, warmup_epochs=2))
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1] + [0.1] * 6 + [0.05] * 2)


@pytest.mark.parametrize("kind", [kind for kind in ScheduleKind if kind is not ScheduleKind.PLATEAU])
def test_other_schedules_ignore_the_loss(kind: ScheduleKind) -> None:
    rate = make_rate(kind)
    before = [rate.at(step) for step in range(1, 13)]
    assert course(rate) == before


@pytest.mark.parametrize("kind", ScheduleKind)
def test_a_restored_state_continues_identically(kind: ScheduleKind) -> None:
    straight = course(make_rate(kind))
    for epoch in range(1, len(LOSSES)):
        assert course(make_rate(kind), restore_after=epoch, kind=kind) == straight


def test_rates_are_what_float32_can_hold() -> None:
    rate = make_rate(ScheduleKind.COSINE)
    assert all(float(np.float32(rate.at(step))) == rate.at(step) for step in range(1, 13))
