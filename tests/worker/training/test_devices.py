"""The machine's devices have names for people."""

from __future__ import annotations

import pytest
import tensorflow as tf

from app.domain.configuration import Precision
from worker.training.devices import choose_precision, describe_devices, make_strategy, training_device_name


def test_the_cpu_comes_last_and_the_first_device_trains() -> None:
    devices = describe_devices()
    assert devices[-1].startswith("CPU: ")
    assert devices[-1].endswith(("core", "cores"))
    assert training_device_name() == devices[0]


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ([], Precision.FLOAT32),
        ([(6, 1)], Precision.FLOAT32),
        ([(8, 0)], Precision.MIXED_FLOAT16),
        ([(8, 0), (6, 1)], Precision.FLOAT32),
        ([None], Precision.FLOAT32),
    ],
    ids=["cpu", "without-tensor-cores", "with-tensor-cores", "one-without", "unknown"],
)
def test_automatic_precision_is_what_the_devices_gain_from(
    capabilities: list[tuple[int, int] | None], expected: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: list(range(len(capabilities))))
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda gpu: {"compute_capability": capabilities[gpu]} if capabilities[gpu] else {},
    )
    assert choose_precision(Precision.AUTO) is expected
    for forced in (Precision.FLOAT32, Precision.MIXED_FLOAT16):
        assert choose_precision(forced) is forced


def test_one_device_needs_no_strategy() -> None:
    assert make_strategy(4) is None
