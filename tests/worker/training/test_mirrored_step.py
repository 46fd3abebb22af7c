"""A batch on two devices is the step of one, and a training on two devices learns and resumes.

The two devices are halves of the CPU: what runs on real GPUs is the same code with other device names.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.worker.training.mirrored_training"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("precision", ["float32", "loss_scale"])
def test_a_mirrored_step_is_the_step_of_one_device(precision: str, result: dict[str, Any]) -> None:
    assert result[precision]["loss"] < 1e-6
    assert result[precision]["counts"] == 0
    assert result[precision]["variables"] < 1e-5


def test_a_mirrored_training_learns_and_resumes(result: dict[str, Any]) -> None:
    assert result["replicas"] == 2
    assert result["losses"][-1] < result["losses"][0]
    assert result["resumed_is_same"]
