"""Training without a server: `python -m worker.headless ORDER`, which `segscope train` and `reproduce` call.

The same engine writes into the same store as under a worker; no Redis is needed, and if a server runs on the same data
folder, its pages follow live.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from app.domain.errors import ConflictError, InvalidInputError, SegscopeError, SettingsError
from app.domain.headless_order import HeadlessOrder
from app.domain.run_states import RunState
from app.launching.gate import check_acknowledged
from app.launching.planning import plan_launch
from app.redis_server import running_server_url
from app.settings import load_settings
from app.store import runs
from app.store.events import announce_run
from app.store.experiments import create_experiment
from app.store.schema import ExperimentRow, RunRow
from app.store.schema_version import ensure_current
from app.store.task_queue import HEADLESS_QUEUE
from worker.child_process import ExitCode
from worker.headless_dataset import ready_dataset
from worker.headless_progress import ProgressPrinter
from worker.headless_reproduction import compare_histories
from worker.presence import Presence
from worker.services import WorkerServices, open_services
from worker.training_supervisor import supervise_training

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main() -> int:
    """Carry out the order that the command line holds as JSON."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)-7s %(message)s")
    order = HeadlessOrder.model_validate_json(sys.argv[1])
    printer = ProgressPrinter(as_json=order.as_json)
    try:
        with _stop_signals() as stopping:
            return _carry_out(order, printer, stopping)
    except SegscopeError as error:
        printer.error(error)
        usage = isinstance(error, SettingsError | InvalidInputError)
        return EXIT_USAGE if usage else ExitCode.FAILED


def _carry_out(order: HeadlessOrder, printer: ProgressPrinter, stopping: threading.Event) -> int:
    settings = load_settings()
    if not settings.redis_url and (url := running_server_url(settings.resolved_data_dir)):
        # The children read it too: pages of the server that runs beside this command follow live.
        os.environ["SEGSCOPE_REDIS_URL"] = url
    services = open_services()
    ensure_current(services.database)
    presence = Presence(services, queues=[HEADLESS_QUEUE])
    presence.start()
    try:
        run_ids = _enqueue(order, services, printer, stopping)
        for run_id in run_ids:
            _train(services, run_id, worker_id=presence.worker_id, printer=printer, stopping=stopping)
        if stopping.is_set():
            printer.interrupted(services.database, run_ids)
            return EXIT_INTERRUPTED
        states = printer.summary(services.database, run_ids)
        if order.reproduce is not None:
            comparison = compare_histories(services.database, order.reproduce, run_ids[0])
            printer.comparison(comparison)
            return ExitCode.DONE if comparison.is_identical else ExitCode.FAILED
        return ExitCode.DONE if all(state is RunState.FINISHED for state in states) else ExitCode.FAILED
    finally:
        presence.stop()
        services.database.dispose()


def _enqueue(
    order: HeadlessOrder, services: WorkerServices, printer: ProgressPrinter, stopping: threading.Event
) -> Sequence[int]:
    """Write the runs that the order asks for; return their ids in the order in which they train."""
    if order.reproduce is not None:
        with services.database.write() as session:
            fresh = runs.retry(session, order.reproduce)
            fresh.queue = HEADLESS_QUEUE
            return [fresh.id]
    if order.resume is not None:
        return _resumable(services, order.resume)
    dataset_id = ready_dataset(order, services, printer=printer, stopping=stopping)
    spec = order.spec_for(dataset_id)
    with services.database.write() as session:
        plan = plan_launch(session, spec)
        check_acknowledged(plan.dataset, spec.acknowledged_findings)
        experiment = create_experiment(
            session,
            spec,
            dataset=plan.dataset,
            folds=plan.folds,
            test_items=plan.ids(plan.split.test),
            queue=HEADLESS_QUEUE,
        )
        run_ids = [run.id for run in experiment.runs]
        printer.launched(experiment.id, experiment.name, run_ids)
    for run_id in run_ids:
        announce_run(services.database, services.announcer, run_id)
    return run_ids


def _resumable(services: WorkerServices, experiment_id: int) -> list[int]:
    with services.database.write() as session:
        experiment = session.get(ExperimentRow, experiment_id)
        if experiment is None:
            raise InvalidInputError(f"There is no experiment {experiment_id} to resume.")
        waiting = [run for run in experiment.runs if RunState(run.state) in {RunState.QUEUED, RunState.LOST}]
        if not waiting:
            raise ConflictError(f"No run of experiment {experiment_id} waits or was lost: there is nothing to resume.")
        for run in waiting:
            run.queue = HEADLESS_QUEUE
        return [run.id for run in waiting]


def _train(
    services: WorkerServices, run_id: int, *, worker_id: str, printer: ProgressPrinter, stopping: threading.Event
) -> None:
    if stopping.is_set():
        return
    with services.database.write() as session:
        claim = runs.claim_next(
            session,
            worker_id=worker_id,
            queues=[HEADLESS_QUEUE],
            lease_seconds=services.settings.lease_seconds,
            run_id=run_id,
        )
    if claim is None:
        with services.database.read() as session:
            state = session.get_one(RunRow, run_id).state
        raise ConflictError(f"Run {run_id} is {state}: another process has taken or ended it.")
    failures: list[BaseException] = []

    def supervise() -> None:
        try:
            supervise_training(services, claim, stopping=stopping)
        except BaseException as error:
            failures.append(error)

    # Signals reach the main thread only: it watches and prints while another one supervises.
    supervising = threading.Thread(target=supervise, name="supervise", daemon=True)
    supervising.start()
    printer.follow(services.database, run_id, until=_ended(supervising))
    supervising.join()
    if failures:
        raise failures[0]


def _ended(thread: threading.Thread) -> Callable[[float], bool]:
    def wait(seconds: float) -> bool:
        thread.join(seconds)
        return not thread.is_alive()

    return wait


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Let Ctrl-C, and a batch scheduler's SIGTERM, hand the run back after its last finished epoch."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
