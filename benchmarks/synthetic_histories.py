"""Synthetic training histories with the outcome known: what the states and detectors are measured and tested on.

Every epoch has a recall and a false positive rate on a validation set with a known share of foreground, so that
Jaccard and accuracy belong to each other as in a real history; the metric's ε-floor is Keras'.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

Generator = np.random.Generator

EPSILON = 1e-7
IMAGE_PIXELS = 256 * 256

#: Jaccard that counts as a good segmentation.
GOOD = 0.8

#: Scores so near to the share of foreground come from painting (almost) everything.
NEAR_BASELINE = 0.15


class Label(StrEnum):
    """What the last three epochs say, by the rule that labels the reference histories."""

    HELD = "held"
    COLLAPSED = "collapsed"
    AMBIGUOUS = "ambiguous"


class Kind(StrEnum):
    """How a synthetic history runs."""

    HEALTHY = "healthy"
    SLOW_START = "slow-start"
    LATE_DIPS = "late-dips"
    LAST_EPOCH_DIPS = "last-epoch-dips"
    NOISY_PLATEAU = "noisy-plateau"
    COLLAPSE = "collapse"
    LOW_COLLAPSE = "low-collapse"
    LAST_EPOCH_JUMPS = "last-epoch-jumps"
    RECOVERY = "recovery"
    AT_BASELINE = "at-baseline"
    NOTHING = "nothing"
    SLOW_DECAY = "slow-decay"
    LAGGING_STATISTICS = "lagging-statistics"
    FLICKERING = "flickering"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class SyntheticHistory:
    """One history.

    Parameters
    ----------
    kind : Kind
        How it runs.
    columns : dict of str to list of float
        As a Keras `CSVLogger` names them.
    """

    kind: Kind
    columns: dict[str, list[float]]

    @property
    def validation(self) -> list[float]:
        """The validation Jaccards."""
        return self.columns["val_jacard_coef"]

    @property
    def label(self) -> Label:
        """The label of the last three epochs."""
        return label_of(self.validation)


def label_of(validation: Sequence[float]) -> Label:
    """Label validation Jaccards: the median of the last three against the best.

    Written apart from `app.diagnosis.state`, after the description of the reference histories: held from 0.8 of the
    best on, collapsed below 0.2 of it or with a best below 0.001.
    """
    best = max(validation)
    end = statistics.median(validation[-3:])
    if best < 0.001 or end < 0.2 * best:
        return Label.COLLAPSED
    return Label.HELD if end >= 0.8 * best else Label.AMBIGUOUS


def histories(count: int, *, seed: int) -> Iterator[SyntheticHistory]:
    """Generate histories of all kinds in turn; the same seed gives the same ones."""
    kinds = list(Kind)
    for index in range(count):
        yield history(kinds[index % len(kinds)], random=np.random.default_rng((seed, index)))


def history(kind: Kind, *, random: Generator) -> SyntheticHistory:
    """Generate one history."""
    scene = _Scene(random)
    training, validation = _CURVES[kind](random, scene)
    return SyntheticHistory(kind, scene.columns(training, validation))


# === Scores ===


class _Scene:
    """A validation set: its size and foreground, and how Jaccard, accuracy and loss follow from a prediction."""

    def __init__(self, random: Generator) -> None:
        self._random = random
        self.pixels = IMAGE_PIXELS * int(random.integers(4, 100))
        self.foreground = float(random.uniform(0.03, 0.2))

    @property
    def floor(self) -> float:
        """Jaccard of an empty prediction."""
        return EPSILON / (self.foreground * self.pixels + EPSILON)

    def columns(self, training: Sequence[float], validation: Sequence[float]) -> dict[str, list[float]]:
        """Return the columns of a history with these Jaccards."""
        scored = [self._scored(value) for value in validation]
        rate = 1e-3
        rates = []
        for epoch in range(len(training)):
            if epoch and epoch % 20 == 0:
                rate /= 2
            rates.append(rate)
        noise = self._random.normal(1, 0.02, (2, len(training)))
        return {
            "loss": [0.25 * (1 - 0.9 * value) * factor for value, factor in zip(training, noise[0], strict=True)],
            "accuracy": [1 - self.foreground * (1 - value) for value in training],
            "jacard_coef": list(training),
            "val_loss": [
                0.25 * (1 - 0.9 * jaccard) * factor for (jaccard, _), factor in zip(scored, noise[1], strict=True)
            ],
            "val_accuracy": [accuracy for _, accuracy in scored],
            "val_jacard_coef": [jaccard for jaccard, _ in scored],
            "lr": rates,
        }

    def _scored(self, jaccard: float) -> tuple[float, float]:
        """Find a prediction with about this Jaccard, and count it: Jaccard and accuracy as float32 would hold them."""
        share = self.foreground
        positives = round(share * self.pixels)
        paints_everything = abs(jaccard - share) <= NEAR_BASELINE * share
        recall = min(1.0 if paints_everything else math.sqrt(jaccard), jaccard / share)
        hits = round(recall * positives)
        false = round(min(max(hits / jaccard - positives, 0.0), self.pixels - positives)) if hits else 0
        accuracy = (hits + self.pixels - positives - false) / self.pixels
        value = (hits + EPSILON) / (positives + false + EPSILON)
        return float(np.float32(value)), float(np.float32(accuracy))


# === Curves ===

_Curves = tuple[list[float], list[float]]


def _rise(random: Generator, epochs: int, *, level: float, pace: float, start: float = 0.0) -> list[float]:
    """Rise from `start` towards `level`; `pace` is the number of epochs for 63 % of the way."""
    noise = random.normal(0, 0.01, epochs)
    return [
        float(np.clip(start + (level - start) * (1 - math.exp(-(epoch + 1) / pace)) + noise[epoch], 1e-3, 0.99))
        for epoch in range(epochs)
    ]


def _healthy(random: Generator, _scene: _Scene) -> _Curves:
    epochs, level = int(random.integers(15, 90)), float(random.uniform(GOOD, 0.95))
    pace = float(random.uniform(1.5, epochs / 6))
    training = _rise(random, epochs, level=level + 0.02, pace=pace)
    return training, _rise(random, epochs, level=level, pace=pace)


def _slow_start(random: Generator, scene: _Scene) -> _Curves:
    waiting, rest = int(random.integers(2, 14)), int(random.integers(6, 50))
    # Lagging statistics: training learns at once. Otherwise training waits as well.
    lags = bool(random.random() < 0.7)
    training_wait = (
        _rise(random, waiting, level=0.85, pace=3) if lags else list(random.uniform(0.001, scene.foreground, waiting))
    )
    wait = [0.0] * waiting
    if random.random() < 0.5:
        wait[0] = scene.foreground * float(random.uniform(0.7, 1))
    if random.random() < 0.3:
        wait[-1] = float(random.uniform(0.001, 0.05))
    training = training_wait + _rise(random, rest, level=0.94, pace=1.5, start=training_wait[-1])
    return training, wait + _rise(random, rest, level=0.93, pace=float(random.uniform(0.5, 2)))


def _dipped(random: Generator, values: list[float], *, first: int, dips: int) -> list[float]:
    dipped = list(values)
    for _ in range(dips):
        start, length = int(random.integers(first, len(values))), int(random.integers(1, 5))
        depth = float(random.choice([0.0, 0.02, 0.1, 0.3, 0.5]))
        for index in range(start, min(start + length, len(values))):
            dipped[index] = depth * values[index]
    return dipped


def _late_dips(random: Generator, scene: _Scene) -> _Curves:
    training, validation = _healthy(random, scene)
    return training, _dipped(random, validation, first=len(validation) // 2, dips=int(random.integers(1, 4)))


def _last_epoch_dips(random: Generator, scene: _Scene) -> _Curves:
    training, validation = _healthy(random, scene)
    validation[-1] *= float(random.choice([0.0, 0.05, 0.3]))
    return training, validation


def _noisy_plateau(random: Generator, _scene: _Scene) -> _Curves:
    epochs, level = int(random.integers(20, 90)), float(random.uniform(0.4, 0.9))
    validation = _rise(random, epochs, level=level, pace=3)
    noise = random.normal(0, random.uniform(0.02, 0.15), epochs)
    noisy = [float(np.clip(value + move, 1e-3, 0.97)) for value, move in zip(validation, noise, strict=True)]
    return _rise(random, epochs, level=min(level + 0.05, 0.97), pace=3), noisy


def _collapse(random: Generator, scene: _Scene) -> _Curves:
    training, validation = _healthy(random, scene)
    start = int(random.integers(3, len(validation) - 2))
    end = float(random.choice([0.0, 0.01, 0.05, 0.15]))
    steps = int(random.choice([1, 1, 3, 8]))
    for index in range(start, len(validation)):
        part = min((index - start + 1) / steps, 1)
        validation[index] = (1 - part) * validation[start - 1] + part * end * float(random.uniform(0.7, 1))
    if random.random() < 0.3:
        # The network gives up the objects in training too.
        for index in range(start, len(training)):
            training[index] = 0.02 * float(random.random())
    return training, validation


def _low_collapse(random: Generator, scene: _Scene) -> _Curves:
    epochs = int(random.integers(12, 30))
    onset = int(random.integers(3, epochs - 3))
    level = scene.foreground
    validation = [level * float(random.choice([0.0, 0.3, 0.8, 1.0, 1.05])) for _ in range(onset)]
    validation[int(random.integers(0, onset))] = level
    validation += [
        0.0 if random.random() < 0.8 else 0.1 * level * float(random.random()) for _ in range(epochs - onset)
    ]
    training = list(random.uniform(0.5, 1.1, epochs) * level * np.linspace(1, 0.2, epochs))
    return training, validation


def _last_epoch_jumps(random: Generator, scene: _Scene) -> _Curves:
    training, validation = _collapse(random, scene)
    validation[-1] = max(validation) * float(random.uniform(0.5, 1))
    return training, validation


def _recovery(random: Generator, scene: _Scene) -> _Curves:
    training, validation = _healthy(random, scene)
    start = int(random.integers(2, max(len(validation) - 8, 3)))
    for index in range(start, min(start + int(random.integers(2, 9)), len(validation) - 4)):
        validation[index] = 0.02 * float(random.random())
    return training, validation


def _at_baseline(random: Generator, scene: _Scene) -> _Curves:
    epochs = int(random.integers(8, 100))
    factors = random.normal(0.97, random.choice([0.003, 0.03, 0.1]), epochs)
    validation = [scene.foreground * float(np.clip(factor, 0.3, 1.3)) for factor in factors]
    return list(scene.foreground * random.normal(1, 0.05, epochs)), validation


def _nothing(random: Generator, scene: _Scene) -> _Curves:
    epochs = int(random.integers(1, 40))
    validation = [0.0 if random.random() < 0.7 else 5e-4 * float(random.random()) for _ in range(epochs)]
    learns = bool(random.random() < 0.5)
    training = _rise(random, epochs, level=0.6, pace=4) if learns else list(scene.foreground * random.random(epochs))
    return training, validation


def _slow_decay(random: Generator, _scene: _Scene) -> _Curves:
    epochs, level = int(random.integers(30, 90)), float(random.uniform(0.5, 0.9))
    peak = int(random.integers(3, 15))
    validation = _rise(random, peak, level=level, pace=2)
    loss = float(random.uniform(0.05, 0.7))
    rest = epochs - peak
    validation += [level * (1 - loss * (index + 1) / rest) + float(random.normal(0, 0.01)) for index in range(rest)]
    return _rise(random, epochs, level=0.97, pace=epochs / 5), [max(value, 1e-3) for value in validation]


def _lagging_statistics(random: Generator, scene: _Scene) -> _Curves:
    epochs = int(random.integers(14, 25))
    full = int(random.integers(1, epochs - 4))
    validation = [scene.foreground] * full + [0.0] * (epochs - full)
    if random.random() < 0.4:
        validation[int(random.integers(0, epochs - 3))] = 0.3 * scene.foreground
    return _rise(random, epochs, level=0.6, pace=3), validation


def _flickering(random: Generator, _scene: _Scene) -> _Curves:
    epochs = int(random.integers(10, 60))
    level = float(random.uniform(0.1, 0.9))
    validation = [level * float(random.choice([0.0, 0.05, 0.5, 0.9, 1.0])) for _ in range(epochs)]
    return _rise(random, epochs, level=min(level + 0.1, 0.97), pace=3), validation


def _short(random: Generator, scene: _Scene) -> _Curves:
    kind = random.choice([Kind.HEALTHY, Kind.SLOW_START, Kind.COLLAPSE, Kind.AT_BASELINE, Kind.FLICKERING])
    training, validation = _CURVES[Kind(str(kind))](random, scene)
    count = int(random.integers(1, 6))
    return training[:count], validation[:count]


_CURVES: dict[Kind, Callable[[Generator, _Scene], _Curves]] = {
    Kind.HEALTHY: _healthy,
    Kind.SLOW_START: _slow_start,
    Kind.LATE_DIPS: _late_dips,
    Kind.LAST_EPOCH_DIPS: _last_epoch_dips,
    Kind.NOISY_PLATEAU: _noisy_plateau,
    Kind.COLLAPSE: _collapse,
    Kind.LOW_COLLAPSE: _low_collapse,
    Kind.LAST_EPOCH_JUMPS: _last_epoch_jumps,
    Kind.RECOVERY: _recovery,
    Kind.AT_BASELINE: _at_baseline,
    Kind.NOTHING: _nothing,
    Kind.SLOW_DECAY: _slow_decay,
    Kind.LAGGING_STATISTICS: _lagging_statistics,
    Kind.FLICKERING: _flickering,
    Kind.SHORT: _short,
}
