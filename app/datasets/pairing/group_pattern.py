"""Applying a person's regular expression to names, with an end to what it may take.

Some expressions take for ever on some names (`(a+)+$`), and nothing can interrupt Python's matcher in a thread. It
runs in a process of its own, which is ended when its time is up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.domain.errors import FieldError, InvalidInputError

LONGEST_PATTERN = 512
MATCHING_SECONDS = 5.0

_MATCHER = Path(__file__).with_name("pattern_matcher.py")


def match_groups(names: Sequence[str], *, pattern: str, seconds: float = MATCHING_SECONDS) -> list[str | None]:
    """Search each name for a pattern.

    Parameters
    ----------
    names : sequence of str
        Names of pairs.
    pattern : str
        Regular expression of Python's `re`.
    seconds : float
        Time for all names together.

    Returns
    -------
    list of (str or None)
        For each name the pattern's first group, or the whole match where it has none; None where nothing (or
        nothing but the empty text) was found.

    Raises
    ------
    InvalidInputError
        The pattern is too long, no regular expression, or took too long.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise _invalid(f"received {len(pattern)} characters, expected at most {LONGEST_PATTERN}; shorten it")
    question = json.dumps({"pattern": pattern, "names": list(names)})
    try:
        # Isolated and without site packages: it starts in a few hundredths of a second.
        answer = subprocess.run(  # noqa: S603 - our own program; what a person wrote goes to its standard input
            [sys.executable, "-I", "-S", str(_MATCHER)],
            input=question,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _invalid(
            f"received one that takes more than {seconds:g} s on {len(names):,} names, expected a simpler one; "
            "avoid repetitions inside repetitions, such as (a+)+"
        ) from error
    if answer.returncode:
        reason = answer.stdout.strip() if answer.returncode == 3 else "its matching broke off"
        raise _invalid(f"received {pattern!r} ({reason}), expected a regular expression such as ^([^_]+)_; correct it")
    groups: list[str | None] = json.loads(answer.stdout)
    return groups


def _invalid(detail: str) -> InvalidInputError:
    message = f"Invalid group pattern: {detail}."
    return InvalidInputError(message, fields=(FieldError("import_spec.group_pattern", message),))
