"""Defects of whole sets: duplicates, leakage, populations, the two sides of a split."""

from __future__ import annotations

from benchmarks.checks.defects import Defect

SET_DEFECTS: dict[str, Defect] = {}
