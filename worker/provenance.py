"""What a result was computed with: versions of the code, of the packages and of the machine."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from app import __version__

_PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-image", "pillow")
_GIT_SECONDS = 5.0


def provenance() -> dict[str, object]:
    """Return facts that a run keeps, so that its numbers can be computed again."""
    return {
        "code_version": __version__,
        "code_commit": code_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def code_commit() -> str | None:
    """Return the commit of the source tree, with ``+changes`` if files differ from it; None without a repository."""
    folder = Path(__file__).resolve().parent
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return f"{commit}+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else commit


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
