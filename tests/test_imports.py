"""The web process stays small: it never loads TensorFlow nor what only the worker needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.processes import PROJECT_ROOT

HEAVY = {"tensorflow", "keras", "pandas", "scipy", "skimage", "sklearn"}


@pytest.mark.parametrize("module", ["app.web.application", "app.store.task_queue"])
def test_heavy_libraries_stay_out(module: str) -> None:
    code = f"import sys, {module}; print(*{HEAVY} & set(sys.modules))"

    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert result.stdout.strip() == ""
