"""What a defect of the benchmark is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator

from app.domain.data_findings import DataFindingCode
from benchmarks.checks.scene_set import SceneSet

#: (healthy set, strength, random) → the set with the defect. Everything random comes from `random`; the healthy set
#: stays as it is.
Injection = Callable[[SceneSet, float, Generator], SceneSet]


@dataclass(frozen=True, slots=True)
class Defect:
    """One way in which a dataset goes wrong.

    Parameters
    ----------
    name : str
        Unique, such as `mask-shifted-one-item`.
    code : DataFindingCode
        What must be found.
    strengths : tuple of float
        Weakest first.
    stated : float
        The strength from which on the check promises to see it: at least 95 % of these sets.
    unit : str
        What a strength counts, such as `px` or `items`.
    inject : Injection
        Puts it into a healthy set.
    implies : frozenset of DataFindingCode
        Codes that are true of such a set as well, so that they are no false alarms.
    variants : tuple of str
        Recipes of `benchmarks.checks.scenes.VARIANTS` in which it is a defect; empty: all.
    """

    name: str
    code: DataFindingCode
    strengths: tuple[float, ...]
    stated: float
    unit: str
    inject: Injection
    implies: frozenset[DataFindingCode] = frozenset()
    variants: tuple[str, ...] = ()
