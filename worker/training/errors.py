"""What can go wrong in a training and has words for the user."""

from __future__ import annotations

from app.domain.errors import SegscopeError


class TrainingError(SegscopeError):
    """A training that cannot go on; the message says what to change."""

    code = "training"
    status = 500


class CheckpointError(TrainingError):
    """A checkpoint that is missing or cannot be read."""

    code = "checkpoint"
