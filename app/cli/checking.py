"""The process of `segscope check`: `python -m app.cli.checking ORDER`. Its imports would slow every other command."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.cli.output import EXIT_USAGE
from app.datasets.checks.index import checked_set, split_sides
from app.datasets.checks.measures import ItemMeasures, SplitSides
from app.datasets.checks.running import CheckedSet, check_set, check_split, health, ordered
from app.datasets.items.indexed import DatasetIndex
from app.datasets.items.indexing import index_dataset
from app.datasets.pairing.layout import resolve_layout
from app.domain.check_order import CheckOrder
from app.domain.corrections import DatasetEdits
from app.domain.data_findings import DataFinding
from app.domain.errors import SegscopeError
from app.domain.split_spec import SplitSpec, SplitStrategy
from app.settings import load_settings

_STRATEGIES = tuple(strategy for strategy in SplitStrategy if strategy is not SplitStrategy.EXPLICIT)
_NARROWEST = 60
_WIDEST = 110
_ITEMS_SHOWN = 6


def main() -> int:
    """Check the folder that the command line holds as JSON."""
    order = CheckOrder.model_validate_json(sys.argv[1])
    try:
        index = _read(order)
    except SegscopeError as error:
        if order.as_json:
            sys.stdout.write(json.dumps({"error": {"code": error.code, "message": error.message}}) + "\n")
        sys.stderr.write(f"segscope: {error.message}\n")
        return EXIT_USAGE
    checked = checked_set(index)
    splits = _splits(index, checked, order.split)
    own = splits[order.split.strategy.value]["findings"]
    findings = ordered([*check_set(checked), *own])
    if order.as_json:
        sys.stdout.write(json.dumps(_answer(index, findings, splits)) + "\n")
    else:
        _print_table(order.folder, index, findings, splits)
    return 0


def _read(order: CheckOrder) -> DatasetIndex:
    shows = sys.stderr.isatty()

    def on_progress(done: int, total: int) -> None:
        if shows:
            sys.stderr.write(f"\r\x1b[K{done} of {total} pairs" if done < total else "\r\x1b[K")
            sys.stderr.flush()

    with tempfile.TemporaryDirectory(prefix="segscope-check-") as folder:
        return index_dataset(
            order.folder,
            resolve_layout(order.folder, order.import_spec),
            DatasetEdits(),
            max_pixels=load_settings().image_max_pixels,
            thumbnails_dir=Path(folder) / "thumbnails",
            on_progress=on_progress,
        )


def _splits(index: DatasetIndex, checked: CheckedSet, wanted: SplitSpec) -> dict[str, dict[str, Any]]:
    splits: dict[str, dict[str, Any]] = {}
    for strategy in _STRATEGIES:
        sides = split_sides(index, wanted.model_copy(update={"strategy": strategy}))
        if sides is None:
            splits[strategy.value] = {"possible": False, "findings": []}
            continue
        findings = [
            finding.model_copy(update={"evidence": {**finding.evidence, "split": strategy.value}})
            for finding in check_split(checked, sides)
        ]
        splits[strategy.value] = {"possible": True, "findings": findings, **_sides(checked.items, sides)}
    return splits


def _sides(items: Sequence[ItemMeasures], sides: SplitSides) -> dict[str, Any]:
    def side(names: frozenset[str]) -> dict[str, Any]:
        members = [item for item in items if item.name in names]
        return {
            "items": len(members),
            "groups": len({item.group for item in members}),
            "foreground_mean": sum(item.foreground_fraction for item in members) / len(members) if members else None,
            "names": [item.name for item in members],
        }

    return {"training": side(sides.training), "validation": side(sides.validation)}


def _plain(finding: DataFinding) -> dict[str, Any]:
    return finding.model_dump(mode="json")


def _answer(index: DatasetIndex, findings: Sequence[DataFinding], splits: dict[str, dict[str, Any]]) -> dict[str, Any]:
    groups: dict[str, list[str]] = defaultdict(list)
    for item in index.items:
        groups[item.group].append(item.name)
    state = health(findings)
    return {
        "items": len(index.items),
        "findings": [_plain(finding) for finding in findings],
        "groups": dict(groups),
        "splits": {
            name: {**split, "findings": [_plain(finding) for finding in split["findings"]]}
            for name, split in splits.items()
        },
        "health": {
            "fatal": state.fatal,
            "serious": state.serious,
            "worth_knowing": state.worth_knowing,
            "verdict": state.verdict,
        },
        "content_hash": index.content_hash,
        "mask_rule": index.mask_rule.text,
    }


def _print_table(
    folder: Path, index: DatasetIndex, findings: Sequence[DataFinding], splits: dict[str, dict[str, Any]]
) -> None:
    width = min(max(shutil.get_terminal_size((_WIDEST, 24)).columns, _NARROWEST), _WIDEST)
    groups = len({item.group for item in index.items})
    lines = [f"{folder}: {len(index.items)} items of {groups} acquisitions. {health(findings).verdict}", ""]
    for finding in findings:
        lines.append(f"{finding.severity.value.replace('-', ' ')}: {finding.title} ({finding.code})")
        lines += _wrapped(finding.message, width)
        if finding.items:
            more = len(finding.items) - _ITEMS_SHOWN
            names = ", ".join(finding.items[:_ITEMS_SHOWN]) + (f" and {more} more" if more > 0 else "")
            lines += _wrapped(f"Items: {names}", width)
        lines += [*_wrapped(f"What to do: {finding.fix}", width), ""]
    lines.append(f"{'split':<20}{'train':>7}{'valid':>7}{'foreground':>20}  findings")
    for name, split in splits.items():
        if not split["possible"]:
            lines.append(f"{name:<20}not possible with these items")
            continue
        training, validation = split["training"], split["validation"]
        shares = f"{training['foreground_mean']:.1%} / {validation['foreground_mean']:.1%}"
        codes = ", ".join(dict.fromkeys(finding.code.value for finding in split["findings"])) or "none"
        lines.append(f"{name:<20}{training['items']:>7}{validation['items']:>7}{shares:>20}  {codes}")
    sys.stdout.write("\n".join(lines) + "\n")


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


if __name__ == "__main__":
    sys.exit(main())
