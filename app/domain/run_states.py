"""The state machine of a run and of a dataset's registration: states and allowed transitions, in one place."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"


class StopReason(StrEnum):
    """Why a run ended or left the running state."""

    COMPLETED = "completed"
    EARLY_STOPPING = "early-stopping"
    FINISHED_EARLY = "finished-early"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    ERROR = "error"
    KILLED = "killed"
    WORKER_LOST = "worker-lost"
    WORKER_SHUTDOWN = "worker-shutdown"


class RunRequest(StrEnum):
    """What a person has asked of a run that trains, until its worker has done it."""

    CANCEL = "cancel"
    PAUSE = "pause"
    FINISH = "finish"


class DatasetState(StrEnum):
    """Where the registration of a dataset stands."""

    QUEUED = "queued"
    INDEXING = "indexing"
    READY = "ready"
    FAILED = "failed"


TERMINAL_STATES = frozenset({RunState.FINISHED, RunState.STOPPED, RunState.FAILED})
CLAIMABLE_STATES = frozenset({RunState.QUEUED, RunState.LOST})
#: States in which no worker has the run, nor will take it unasked.
RESUMABLE_STATES = frozenset({RunState.PAUSED, RunState.STOPPED, RunState.FAILED})
EXTENSIBLE_STATES = RESUMABLE_STATES | {RunState.FINISHED}

# RUNNING → QUEUED is a worker that shuts down in good order and hands its run back;
# LOST → RUNNING is a resume; LOST → FAILED gives up after repeated losses without progress;
# PAUSED, STOPPED, FAILED → QUEUED is a person who lets the run go on; FINISHED → QUEUED is one who extends it.
_TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.STOPPED, RunState.PAUSED}),
    RunState.RUNNING: frozenset(
        {
            RunState.FINISHED,
            RunState.STOPPED,
            RunState.FAILED,
            RunState.LOST,
            RunState.QUEUED,
            RunState.PAUSED,
        }
    ),
    RunState.LOST: frozenset({RunState.RUNNING, RunState.STOPPED, RunState.FAILED, RunState.PAUSED}),
    RunState.PAUSED: frozenset({RunState.QUEUED, RunState.STOPPED}),
    RunState.FINISHED: frozenset({RunState.QUEUED}),
    RunState.STOPPED: frozenset({RunState.QUEUED}),
    RunState.FAILED: frozenset({RunState.QUEUED}),
}


def may_become(current: RunState, target: RunState) -> bool:
    """Whether a run in state `current` may go to state `target`."""
    return target in _TRANSITIONS[current]


def sources_of(target: RunState) -> frozenset[RunState]:
    """Return the states from which `target` may be entered."""
    return frozenset(state for state in RunState if target in _TRANSITIONS[state])
