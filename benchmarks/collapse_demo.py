"""The one-click demo collapses and is flagged in time: `python -m benchmarks.collapse_demo [--json]`.

Runs the demo's experiment through the real system for several training seeds; the data and the split stay.
Exits with 1 if one of them does not collapse or is flagged later than two epochs after it happens.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from app.domain.presets import collapse_demo
from benchmarks.running_system import RunningSystem, running_system

SEEDS = (42, 43, 44)
_FLAGS = {"collapse", "at-trivial-baseline"}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with running_system() as system:
        dataset_id = system.wait_for_demo()
        results = [_train(system, dataset_id, seed=seed) for seed in SEEDS]
    if arguments.json:
        print(json.dumps(results))
    else:
        for result in results:
            print(", ".join(f"{name} {value}" for name, value in result.items()))
    return 0 if all(result["collapsed"] and result["flagged_in_time"] for result in results) else 1


def _train(system: RunningSystem, dataset_id: int, *, seed: int) -> dict[str, Any]:
    payload = collapse_demo(dataset_id).model_dump(mode="json")
    payload["training"]["seed"] = seed
    started = time.perf_counter()
    run_id = system.request("/api/experiments", payload)["runs"][0]["id"]
    run = system.request(f"/api/runs/{run_id}")
    while run["state"] in {"queued", "running"}:
        time.sleep(0.5)
        run = system.request(f"/api/runs/{run_id}")
    validation, training = run["last_val_jaccard"], run["last_jaccard"]
    baseline = run["baseline_all_foreground"]
    flags = [finding for finding in run["findings"] if finding["code"] in _FLAGS]
    first = min(flags, key=lambda finding: finding["raised_at_epoch"], default=None)
    return {
        "seed": seed,
        "state": run["state"],
        "seconds": round(time.perf_counter() - started, 1),
        "epochs": run["epoch"],
        "validation_jaccard": round(validation, 5),
        "training_jaccard": round(training, 3),
        "all_foreground_baseline": round(baseline, 4),
        "collapsed": training > 0.3 and (validation < 0.02 or abs(validation - baseline) < 0.01),
        "since_epoch": first and first["epoch"],
        "flagged_at_epoch": first and first["raised_at_epoch"],
        "flagged_in_time": bool(first and first["raised_at_epoch"] - first["epoch"] <= 2),
    }


if __name__ == "__main__":
    sys.exit(main())
