"""How often the checks see a defect, and how often they see one where there is none.

`python -m benchmarks.checks [--quick] [--sets N] [--only NAME …] [--json FILE]`: seeded synthetic datasets, healthy and
with one defect each, written as files and read by the same code as everybody's. A false alarm is a code above *worth
knowing* that a set does not deserve; it is counted for each healthy set, and in total for the sets with a defect.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.datasets.checks.index import checked_set
from app.datasets.checks.measures import SplitSides
from app.datasets.checks.running import check_set, check_split
from app.datasets.items.indexing import index_dataset
from app.domain.corrections import DatasetEdits
from app.domain.data_findings import DataSeverity
from app.domain.dataset_import import ImportSpec, Layout
from benchmarks.checks.item_defects import ITEM_DEFECTS
from benchmarks.checks.scene_set import SceneSet
from benchmarks.checks.scenes import VARIANTS, healthy_set
from benchmarks.checks.set_defects import SET_DEFECTS

DEFECTS = {**ITEM_DEFECTS, **SET_DEFECTS}
SETS = 50
QUICK_SETS = 4


class Task(NamedTuple):
    """One dataset: a healthy variant, and the defect that it gets (empty: none) at a strength."""

    variant: str
    seed: int
    defect: str
    strength: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SETS} sets for each defect and strength")
    parser.add_argument("--sets", type=int, default=SETS, help="sets for each defect and strength")
    parser.add_argument("--only", nargs="*", default=sorted(DEFECTS), choices=sorted(DEFECTS), metavar="NAME")
    parser.add_argument("--json", type=Path, help="file for every result")
    arguments = parser.parse_args()
    tasks = list_tasks(names=arguments.only, sets=QUICK_SETS if arguments.quick else arguments.sets)
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        answers = list(pool.map(found_codes, tasks, chunksize=2))
    result = summarise(tasks, answers)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print_table(result)


def list_tasks(*, names: list[str], sets: int) -> list[Task]:
    """Return the sets to check: healthy ones, then each defect at each strength, over all variants in turn."""
    variants = sorted(VARIANTS)
    tasks = [Task(variants[seed % len(variants)], seed, "", 0.0) for seed in range(sets)]
    for name in names:
        defect = DEFECTS[name]
        possible = sorted(defect.variants) or variants
        tasks += [
            Task(possible[seed % len(possible)], 1000 + seed, name, strength)
            for strength in defect.strengths
            for seed in range(sets)
        ]
    return tasks


def found_codes(task: Task) -> list[tuple[str, str]]:
    """Return (code, severity) of what the checks find in one set."""
    scenes = healthy_set(task.variant, task.seed)
    if task.defect:
        random = np.random.default_rng([task.seed, *task.defect.encode()])
        scenes = DEFECTS[task.defect].inject(scenes, task.strength, random)
    with tempfile.TemporaryDirectory(prefix="segscope-checks-") as folder:
        root = Path(folder) / "set"
        scenes.write(root)
        return _check(scenes, root, Path(folder) / "thumbnails")


def _check(scenes: SceneSet, root: Path, thumbnails: Path) -> list[tuple[str, str]]:
    index = index_dataset(
        root,
        ImportSpec(layout=Layout.FOLDERS),
        DatasetEdits(),
        max_pixels=10**7,
        thumbnails_dir=thumbnails,
        on_progress=lambda _done, _total: None,
    )
    checked = checked_set(index)
    names = frozenset(item.name for item in index.items)
    sides = SplitSides(training=names - scenes.validation, validation=names & scenes.validation)
    findings = [*check_set(checked, sides=sides), *check_split(checked, sides)]
    return sorted({(finding.code.value, finding.severity.value) for finding in findings})


def summarise(tasks: list[Task], answers: list[list[tuple[str, str]]]) -> dict[str, Any]:
    """Return rates: detection for each defect and strength, false alarms for each code."""
    detected: dict[str, dict[str, list[bool]]] = {}
    healthy = [codes for task, codes in zip(tasks, answers, strict=True) if not task.defect]
    undeserved: Counter[str] = Counter()
    with_defect = 0
    for task, codes in zip(tasks, answers, strict=True):
        if not task.defect:
            continue
        defect = DEFECTS[task.defect]
        present = {code for code, _ in codes}
        strengths = detected.setdefault(task.defect, {})
        strengths.setdefault(f"{task.strength:g}", []).append(defect.code.value in present)
        with_defect += 1
        deserved = {defect.code.value, *(code.value for code in defect.implies)}
        undeserved.update(code for code, severity in codes if code not in deserved and _alarms(severity))
    alarms = Counter(code for codes in healthy for code, severity in codes if _alarms(severity))
    return {
        "detection": {
            name: {strength: {"sets": len(hits), "rate": sum(hits) / len(hits)} for strength, hits in strengths.items()}
            for name, strengths in detected.items()
        },
        "healthy_sets": len(healthy),
        "false_alarms_on_healthy": {code: number / len(healthy) for code, number in alarms.items()},
        "sets_with_defect": with_defect,
        "false_alarms_beside_a_defect": {code: number / with_defect for code, number in undeserved.items()},
    }


def _alarms(severity: str) -> bool:
    return severity != DataSeverity.WORTH_KNOWING


def print_table(result: dict[str, Any]) -> None:
    """Print the rates."""
    print(f"{'defect':<24}{'strength':>14}{'sets':>6}{'detected':>10}")
    for name, strengths in result["detection"].items():
        defect = DEFECTS[name]
        for strength, row in strengths.items():
            mark = " (stated)" if f"{defect.stated:g}" == strength else ""
            print(f"{name:<24}{strength + ' ' + defect.unit:>14}{row['sets']:>6}{row['rate']:>10.0%}{mark}")
    for title, key, number in (
        ("healthy sets", "false_alarms_on_healthy", "healthy_sets"),
        ("sets with another defect", "false_alarms_beside_a_defect", "sets_with_defect"),
    ):
        alarms = ", ".join(f"{code} {rate:.1%}" for code, rate in sorted(result[key].items())) or "none"
        print(f"false alarms in {result[number]} {title}: {alarms}")


if __name__ == "__main__":
    main()
