"""The one error hierarchy: what a user may be told, and with which HTTP status.

Every message reads *invalid what, what was received, what was expected, what to do*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One rejected input field.

    Parameters
    ----------
    field : str
        Dotted path of the field as the form and the JSON API name it, e.g. ``training.epochs``.
    message : str
        What was expected and what to do.
    """

    field: str
    message: str


class SegscopeError(Exception):
    """Base of every error whose message is written for a user."""

    code = "error"
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInputError(SegscopeError):
    """Input that fails validation; carries the fields so that a form can show each error in place."""

    code = "invalid-input"
    status = 422

    def __init__(self, message: str, *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class NotFoundError(SegscopeError):
    """A thing that does not exist (any more)."""

    code = "not-found"
    status = 404


class ConflictError(SegscopeError):
    """An action that the present state does not allow."""

    code = "conflict"
    status = 409


class ForbiddenError(SegscopeError):
    """A request that this server does not accept from this origin or path."""

    code = "forbidden"
    status = 403


class UnauthenticatedError(SegscopeError):
    """A request without a valid login."""

    code = "login-required"
    status = 401


class TooLargeError(SegscopeError):
    """An upload or image over its limit."""

    code = "too-large"
    status = 413


class UnavailableError(SegscopeError):
    """A service that Segscope needs (database, Redis, disk) does not answer."""

    code = "unavailable"
    status = 503


class SettingsError(SegscopeError):
    """A setting or the environment makes a start impossible; the command line prints the one line and exits."""

    code = "settings"
    status = 500
