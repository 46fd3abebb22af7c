"""From a metric recorded in the worker to its point drawn in Chromium: `python -m benchmarks.live_latency [--json]`.

The real system trains the demo while a second run's recorder, the worker's own, is fed ten steps a second by this
process; a headless Chromium shows that run's page. Both moments are read from this machine's one clock.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import time

import psutil
from playwright.sync_api import sync_playwright

from app.domain.configuration import WorkerQueue
from app.domain.metrics import Baselines
from app.domain.presets import collapse_demo
from app.store.runs import claim_next
from benchmarks.running_system import RunningSystem, running_system
from worker.run_recorder import RunRecorder
from worker.services import open_services
from worker.training.recording import StepResult, TrainingFacts

STEPS = 600
STEPS_PER_SECOND = 10
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_NOTE_DRAWS = """
window.drawn = [];
window.addEventListener("segscope:drawn", (event) => window.drawn.push([event.detail.step, Date.now()]));
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    with running_system() as system:
        latencies = _measure(system, steps=arguments.steps)
    ordered = sorted(latencies)
    result = {
        "steps": len(ordered),
        "p50_ms": statistics.median(ordered),
        "p99_ms": ordered[int(0.99 * (len(ordered) - 1))],
        "max_ms": ordered[-1],
    }
    print(json.dumps(result) if arguments.json else ", ".join(f"{name} {value:.0f}" for name, value in result.items()))


def _measure(system: RunningSystem, *, steps: int) -> list[float]:
    dataset_id = system.wait_for_demo()
    demo = collapse_demo(dataset_id)
    system.request("/api/experiments", demo.model_dump(mode="json"))
    while not system.request("/api/runs/1")["steps_per_epoch"]:
        time.sleep(0.2)
    # The system's one slot trains; this run waits behind it until this process claims it as a worker of its own.
    spec = demo.model_copy(update={"name": "Synthetic", "queue": WorkerQueue.GPU})
    system.request("/api/experiments", spec.model_dump(mode="json"))
    os.environ["SEGSCOPE_DATA_DIR"] = str(system.data_dir)
    os.environ["SEGSCOPE_REDIS_URL"] = _redis_url(system)
    services = open_services()
    with services.database.write() as session:
        claim = claim_next(session, worker_id="benchmark", queues=["gpu"], lease_seconds=3600)
    if claim is None:
        raise RuntimeError("the synthetic run was claimed by the system")
    recorder = RunRecorder(
        services,
        run_id=claim.run_id,
        experiment_id=claim.experiment_id,
        attempt=claim.attempt,
        config=spec.run_configs(training_items=65)[0],
        validation_item_ids=[],
        extra_facts={},
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with recorder, sync_playwright() as playwright:
        recorder.started(_facts())
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(_NOTE_DRAWS)
        page.goto(f"{system.url}/runs/{claim.run_id}")
        page.wait_for_function("document.getElementById('connection').dataset.state === 'live'")
        recorded: dict[int, float] = {}
        started = time.perf_counter()
        for step in range(1, steps + 1):
            recorded[step] = time.time() * 1000
            recorder.step(_step(step, elapsed=time.perf_counter() - started))
            # Playwright's own loop must run meanwhile, or the browser's messages pile up in its pipe.
            page.wait_for_timeout(max(0.0, 1000 * (started + step / STEPS_PER_SECOND - time.perf_counter())))
        page.wait_for_timeout(2000)
        drawn: list[list[float]] = page.evaluate("window.drawn")
        browser.close()
    return [_first_drawn(drawn, step) - moment for step, moment in recorded.items()]


def _first_drawn(drawn: list[list[float]], step: int) -> float:
    for last_step, moment in drawn:
        if last_step >= step:
            return moment
    raise RuntimeError(f"step {step} was never drawn")


def _facts() -> TrainingFacts:
    return TrainingFacts(
        parameters=1,
        trainable_parameters=1,
        batchnorm_layers=1,
        device="benchmark",
        steps_per_epoch=100,
        baselines=Baselines(all_foreground=0.12, empty=0.0),
        training_items=1,
        validation_items=1,
        validation_pixels=1,
        validation_foreground_pixels=1,
        training_foreground=0.17,
    )


def _step(step: int, *, elapsed: float) -> StepResult:
    return StepResult(
        step=step,
        epoch=1 + (step - 1) // 100,
        loss=1 / step,
        jaccard=1 - 1 / step,
        learning_rate=1e-3,
        images_per_second=80.0,
        elapsed_seconds=elapsed,
    )


def _redis_url(system: RunningSystem) -> str:
    """Return the address of the system's own Redis, from the environment that it gave its web process."""
    for child in psutil.Process(system.process.pid).children():
        if url := child.environ().get("SEGSCOPE_REDIS_URL"):
            return url
    raise RuntimeError("no process with a Redis")


if __name__ == "__main__":
    main()
