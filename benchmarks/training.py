"""Segscope's training engine against bare `keras.Model.fit` and against the same networks in PyTorch.

All sides train the same three networks (128×128, 16 filters, batch 8) on arrays in memory with the same loss, optimizer
and clipping; the engine also counts pixels in every step and reports it. `fit` is measured with jit_compile off and
"auto", and the faster one is the rival. The sides take turns epoch by epoch, in an order that turns round every time,
so that whatever else the machine does hits all alike; each round gives one ratio, and the median counts. Time to the
first step, peak memory and the time between epochs are taken in fresh processes.

PyTorch is not a dependency: name an interpreter that has it, or its columns say "not installed".

Run: ``python -m benchmarks.training [--json] [--rounds 12] [--model unet …] [--torch-python PATH]``.
Exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

import keras

from app.domain.configuration import Architecture, Precision
from benchmarks.training_sides import EngineSide, FitSide, Side, TorchSide, torch_version
from benchmarks.training_workload import ITEMS, make_config, make_data
from worker.training.assembly import assemble_model
from worker.training.devices import enable_memory_growth, training_device_name

#: Of the images a second of bare `fit`, without and with all augmentations.
PLAIN_TARGET = 0.98
AUGMENTED_TARGET = 0.90
FIRST_STEP_SECONDS = 10.0
BOUNDARY_SECONDS = 0.1

ENGINE, AUGMENTED = "engine", "engine, all augmentations"
FITS: dict[str, bool | str] = {"fit": False, "fit, jit_compile auto": "auto"}
TORCH = {"torch eager": False, "torch.compile": True}


def measure(architecture: Architecture, *, rounds: int, seed: int, torch_python: str | None) -> dict[str, Any]:
    """Let all sides take turns with one network."""
    data = make_data(seed=seed)
    # One round more: in the first, every side traces its graph.
    plain = make_config(architecture, epochs=rounds + 2, seed=seed)
    augmented = make_config(architecture, epochs=rounds + 2, seed=seed, augmented=True)
    engines = {ENGINE: EngineSide(plain, data), AUGMENTED: EngineSide(augmented, data)}
    sides: dict[str, Side] = {**engines}
    for name, mode in FITS.items():
        sides[name] = FitSide(plain, data, jit_compile=mode)
    torch_sides: dict[str, TorchSide] = {}
    if torch_python is not None:
        parameters = int(assemble_model(plain, precision=Precision.FLOAT32).count_params())
        for name, compiled in TORCH.items():
            torch_sides[name] = TorchSide(plain, python=torch_python, compiled=compiled, parameters=parameters)
    sides.update(torch_sides)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    try:
        for number in range(rounds + 1):
            for name in sides if number % 2 else reversed(sides):
                seconds[name].append(sides[name].epoch())
        peaks = {name: side.peak_bytes() for name, side in torch_sides.items()}
    finally:
        for side in sides.values():
            side.close()
    timed = {name: values[1:] for name, values in seconds.items()}
    rival = min(FITS, key=lambda name: statistics.median(timed[name]))
    result: dict[str, Any] = {
        "images_per_second": {name: ITEMS / statistics.median(values) for name, values in timed.items()},
        "fit_rival": rival,
        "plain_ratio": _ratio(timed[rival], timed[ENGINE]),
        "augmented_ratio": _ratio(timed[rival], timed[AUGMENTED]),
        "waiting_share": {name: side.waiting_share(seconds[name][1:]) for name, side in engines.items()},
        "costs": {side: _costs(side, architecture, seed=seed) for side in ("engine", "fit")},
    }
    for name, peak in peaks.items():
        result["costs"][name] = {"peak_bytes": peak}
    return result


def _ratio(theirs: list[float], ours: list[float]) -> dict[str, float]:
    ratios = [rival / own for own, rival in zip(ours, theirs, strict=True)]
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


def _costs(side: str, architecture: Architecture, *, seed: int) -> dict[str, float]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.training_costs"),
            *("--side", side, "--model", architecture.value, "--seed", str(seed)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    costs: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return costs


def misses(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return one line for each target that a network misses."""
    lines = []
    for model, result in results.items():
        checks = (
            ("images/s without augmentation, of fit", result["plain_ratio"]["median"], PLAIN_TARGET, 1),
            ("images/s with all augmentations, of fit", result["augmented_ratio"]["median"], AUGMENTED_TARGET, 1),
            ("seconds to the first step", result["costs"]["engine"]["first_step_seconds"], FIRST_STEP_SECONDS, -1),
            ("seconds between epochs", result["costs"]["engine"]["boundary_seconds"], BOUNDARY_SECONDS, -1),
        )
        for what, value, target, sign in checks:
            if sign * value < sign * target:
                lines.append(f"{model}: {value:.3f} {what} (target {target})")
    return lines


def show(results: dict[str, dict[str, Any]], *, torch: str | None) -> None:
    """Print a table for people."""
    columns = [ENGINE, AUGMENTED, *FITS, *TORCH]
    for model, result in results.items():
        print(f"\n{model}")
        for name in columns:
            rate = result["images_per_second"].get(name)
            costs = result["costs"].get(name, {})
            extra = [f"{costs['peak_bytes'] / 2**20:.0f} MiB peak"] if "peak_bytes" in costs else []
            if "first_step_seconds" in costs:
                extra.append(f"first step after {costs['first_step_seconds']:.1f} s")
                extra.append(f"{1000 * costs['boundary_seconds']:.0f} ms between epochs")
            if name in result["waiting_share"]:
                extra.append(f"waits for data {result['waiting_share'][name]:.1%} of the time")
            print(f"  {name:26} {f'{rate:6.1f} images/s' if rate else 'not installed':16} {', '.join(extra)}")
        for name in ("plain_ratio", "augmented_ratio"):
            ratio = result[name]
            print(
                f"  {name.replace('_', ' '):26} {ratio['median']:.3f} of {result['fit_rival']} "
                f"({ratio['min']:.3f} to {ratio['max']:.3f})"
            )
    print(f"\n{training_device_name()}, Keras {keras.__version__}, PyTorch {torch or 'not installed'}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12, help="timed epochs of each side")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--model", type=Architecture, nargs="+", default=list(Architecture))
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter that has PyTorch")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    enable_memory_growth()
    torch = torch_version(arguments.torch_python)
    results = {
        model.value: measure(
            model,
            rounds=arguments.rounds,
            seed=arguments.seed,
            torch_python=arguments.torch_python if torch else None,
        )
        for model in arguments.model
    }
    missed = misses(results)
    if arguments.json:
        print(json.dumps({"models": results, "torch": torch, "missed": missed}, indent=2))
    else:
        show(results, torch=torch)
        for line in missed:
            print(f"missed: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
