"""The gate at launch: a dataset's fatal findings must be acknowledged, or dealt with in a new version."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity
from app.domain.errors import FieldError, InvalidInputError
from app.store.dataset_queries import findings_of
from app.store.schema import DatasetRow

FIELD = "acknowledged_findings"


def fatal_of(findings: Iterable[DataFinding]) -> list[DataFinding]:
    """Return the findings that make a training meaningless, one for each code."""
    fatal: dict[DataFindingCode, DataFinding] = {}
    for finding in findings:
        if finding.severity is DataSeverity.FATAL:
            fatal.setdefault(finding.code, finding)
    return list(fatal.values())


def check_acknowledged(dataset: DatasetRow, acknowledged: Collection[DataFindingCode]) -> None:
    """Refuse a launch on a dataset whose fatal findings nobody has acknowledged.

    Raises
    ------
    InvalidInputError
        For the field `acknowledged_findings`, with the titles of those that are missing.
    """
    missing = [finding for finding in fatal_of(findings_of(dataset)) if finding.code not in acknowledged]
    if not missing:
        return
    titles = "; ".join(f"{finding.title} ({finding.code})" for finding in missing)
    message = (
        f"Dataset {dataset.name!r} has fatal findings: {titles}. Acknowledge each of them, or correct or leave out the "
        "items on the dataset's page and launch on the new version."
    )
    raise InvalidInputError(message, fields=[FieldError(FIELD, message)])
