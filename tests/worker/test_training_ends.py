"""How a training process ended becomes a state, a reason and a sentence that helps."""

from __future__ import annotations

import errno
import signal
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from app.domain.errors import SegscopeError
from app.domain.run_states import RunRequest, RunState, StopReason
from worker.__main__ import parse_queues
from worker.child_process import ExitCode
from worker.training_process import failure_message
from worker.training_supervisor import describe_end


@pytest.mark.parametrize(
    ("code", "asked", "stopping", "state", "reason", "says"),
    [
        (ExitCode.STOPPED_ON_REQUEST, RunRequest.CANCEL, False, RunState.STOPPED, StopReason.CANCELLED, ""),
        (-signal.SIGKILL, RunRequest.CANCEL, False, RunState.STOPPED, StopReason.CANCELLED, ""),
        (-signal.SIGKILL, None, False, RunState.FAILED, StopReason.KILLED, "out of memory"),
        (-signal.SIGSEGV, None, False, RunState.FAILED, StopReason.KILLED, "SIGSEGV"),
        (-signal.SIGSEGV, None, True, RunState.FAILED, StopReason.KILLED, "SIGSEGV"),
        (ExitCode.FAILED, None, False, RunState.FAILED, StopReason.ERROR, "log"),
        (ExitCode.FAILED, None, True, RunState.FAILED, StopReason.ERROR, "log"),
        (ExitCode.STOPPED_ON_REQUEST, None, True, RunState.QUEUED, StopReason.WORKER_SHUTDOWN, "resumes"),
        (-signal.SIGKILL, None, True, RunState.QUEUED, StopReason.WORKER_SHUTDOWN, "resumes"),
        (-signal.SIGTERM, None, True, RunState.QUEUED, StopReason.WORKER_SHUTDOWN, "resumes"),
        (ExitCode.STOPPED_ON_REQUEST, None, False, RunState.STOPPED, StopReason.CANCELLED, "outside Segscope"),
        (ExitCode.STOPPED_ON_REQUEST, RunRequest.PAUSE, False, RunState.PAUSED, StopReason.PAUSED, ""),
        (-signal.SIGKILL, RunRequest.PAUSE, True, RunState.PAUSED, StopReason.PAUSED, ""),
        (-signal.SIGSEGV, RunRequest.PAUSE, False, RunState.FAILED, StopReason.KILLED, "SIGSEGV"),
        (-signal.SIGKILL, RunRequest.FINISH, False, RunState.FAILED, StopReason.KILLED, "out of memory"),
    ],
)
def test_an_end_is_described(
    code: int, asked: RunRequest | None, stopping: bool, state: RunState, reason: StopReason, says: str
) -> None:
    end = describe_end(code, request=asked, stopping=stopping)

    assert end is not None
    assert end[:2] == (state, reason)
    assert says in end[2]


@pytest.mark.parametrize("code", [ExitCode.DONE, ExitCode.LEASE_LOST])
def test_an_end_that_the_child_wrote_itself_is_left_alone(code: ExitCode) -> None:
    assert describe_end(code, request=None, stopping=False) is None


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "disk is full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "disk is full"),
        (sqlite3.OperationalError("database or disk is full"), "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x.png"), "/data/x.png"),
        (MemoryError(), "Reduce the batch size"),
        (SegscopeError("its own words"), "its own words"),
        (OperationalError("INSERT secret", {}, Exception("x")), "database refused a write"),
        (ZeroDivisionError("internals"), "unexpected ZeroDivisionError"),
    ],
)
def test_a_failure_has_a_sentence_for_the_page(error: Exception, says: str) -> None:
    message = failure_message(error)

    assert says in message
    assert "internals" not in message
    assert "secret" not in message


def test_queues_are_parsed() -> None:
    assert parse_queues(" cpu, gpu,") == ["cpu", "gpu"]


@pytest.mark.parametrize("text", ["", ",", "cpu,tpu"])
def test_wrong_queues_are_refused(text: str) -> None:
    with pytest.raises(SegscopeError, match="SEGSCOPE_WORKER_QUEUES"):
        parse_queues(text)
