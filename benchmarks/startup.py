"""From the command to a served page, and what the web process weighs: `python -m benchmarks.startup [--json]`."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import psutil

from benchmarks.running_system import RunningSystem, running_system

REPETITIONS = 3
PAGES = ("/runs", "/experiments", "/datasets", "/workers", "/api/runs")
_IMPORT = "import time; t = time.perf_counter(); import app.web.__main__; print(time.perf_counter() - t)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    imports = [
        float(subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, check=True, text=True).stdout)
        for _ in range(REPETITIONS)
    ]
    fresh: list[float] = []
    again: list[float] = []
    memory: list[float] = []
    tensorflow = False
    for _ in range(REPETITIONS):
        with tempfile.TemporaryDirectory() as folder:
            with running_system(data_dir=Path(folder)) as system:
                fresh.append(system.seconds_to_page)
                web = _web_process(system)
                for path in PAGES * 4:
                    urllib.request.urlopen(system.url + path).read()
                memory.append(web.memory_info().rss / 1e6)
                tensorflow |= any("tensorflow" in entry.path for entry in web.memory_maps())
            with running_system(data_dir=Path(folder)) as system:
                again.append(system.seconds_to_page)
    result = {
        "import_seconds": imports,
        "first_start_seconds": fresh,
        "later_start_seconds": again,
        "web_megabytes_after_20_pages": memory,
        "tensorflow_in_web": tensorflow,
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for name, values in result.items():
        if isinstance(values, list):
            print(f"{name}: median {statistics.median(values):.2f}, {min(values):.2f} to {max(values):.2f}")
    print(f"TensorFlow in the web process: {'yes' if tensorflow else 'no'}")


def _web_process(system: RunningSystem) -> psutil.Process:
    for child in psutil.Process(system.process.pid).children():
        if "app.web" in child.cmdline():
            return child
    raise RuntimeError("no web process")


if __name__ == "__main__":
    main()
