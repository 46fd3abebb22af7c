"""The machine's devices have names for people."""

from __future__ import annotations

from worker.training.devices import describe_devices, training_device_name


def test_the_cpu_comes_last_and_the_first_device_trains() -> None:
    devices = describe_devices()
    assert devices[-1].startswith("CPU: ")
    assert devices[-1].endswith(("core", "cores"))
    assert training_device_name() == devices[0]
