"""Read models: what pages, the JSON API and the live stream say about rows. One shape for all three."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.domain.configuration import Architecture, RunConfig
from app.domain.corrections import Correction, DatasetEdits
from app.domain.data_findings import DataFinding
from app.domain.dataset_import import ImportSpec
from app.domain.findings import Evidence, Severity
from app.domain.history import JsonNumber
from app.domain.run_states import DatasetState, RunRequest, RunState


class View(BaseModel):
    """Base of the read models."""

    model_config = ConfigDict(frozen=True)


class FindingView(View):
    """A finding of a run."""

    code: str
    severity: Severity
    epoch: int
    until_epoch: int | None
    raised_at_epoch: int
    title: str
    message: str
    evidence: Evidence


class RunView(View):
    """A run at a glance: enough for a list row, a header and a progress bar.

    Jaccards are 0 to 1 (or `nan`), `progress` is 0 to 1, moments are UTC. `fold` counts from 1 and is null where the
    split has one fold; `label` names model and fold.
    """

    id: int
    experiment_id: int
    experiment_name: str
    dataset_id: int
    dataset_name: str
    architecture: Architecture
    fold: int | None
    label: str
    state: RunState
    stop_reason: str | None
    message: str
    cancel_requested: bool
    requested: RunRequest | None
    queue: str | None
    queue_position: int | None
    attempt: int
    worker_id: str | None
    device: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    epoch: int
    epochs_planned: int
    step: int
    steps_per_epoch: int
    progress: float
    images_per_second: float | None
    seconds_left: float | None
    training_seconds: float
    parameters: int | None
    baseline_all_foreground: float | None
    baseline_empty: float | None
    best_val_jaccard: JsonNumber
    best_epoch: int | None
    last_val_jaccard: JsonNumber
    last_jaccard: JsonNumber
    findings: list[FindingView]
    retry_of_id: int | None


class RunRowView(RunView):
    """A run in the list: with the validation Jaccard of each epoch for its sparkline."""

    sparkline: list[JsonNumber]


class Columns(View):
    """A table by column; every column has the same length."""

    columns: dict[str, list[JsonNumber]]


class SampleItemView(View):
    """A validation item whose predictions are kept."""

    item_id: int
    name: str
    image_url: str
    mask_url: str


class SampleView(View):
    """The prediction for one item at one epoch.

    `url` is an 8-bit grey PNG of the probability: pixel `v` is above threshold ``k/256`` exactly if ``v >= k``.
    The counts are at threshold 0.5.
    """

    item_id: int
    epoch: int
    url: str
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    jaccard: float


class RunSnapshot(View):
    """All that a run page draws, and the cursor from which to follow the live stream."""

    cursor: str
    run: RunView
    config: RunConfig
    facts: dict[str, Any]
    epochs: Columns
    steps: Columns
    steps_total: int
    sample_items: list[SampleItemView]
    samples: list[SampleView]


class FoldScoresView(View):
    """One model over the folds of a k-fold split: validation Jaccard of the newest run of each fold.

    Means and population standard deviations (divided by the number of folds) over the `…_folds` that have a score yet.
    """

    architecture: Architecture
    label: str
    best_folds: int
    best_mean: float | None
    best_deviation: float | None
    last_folds: int
    last_mean: float | None
    last_deviation: float | None


class ExperimentView(View):
    """One launch with its runs.

    `training_items` and `validation_items` are those of the first fold. `spec` holds null for lists that would tell a
    test set that is not revealed. `fold_scores` has an entry for each model of a k-fold split.
    """

    id: int
    name: str
    dataset_id: int
    dataset_name: str
    dataset_hash: str
    created_at: datetime
    spec: dict[str, Any]
    training_items: int
    validation_items: int
    test_items: int
    test_revealed_at: datetime | None
    folds: int
    fold_scores: list[FoldScoresView]
    runs: list[RunView]


class ExperimentSnapshot(View):
    """All that an experiment page draws; `curves` maps run id to its epochs and steps."""

    cursor: str
    experiment: ExperimentView
    epochs: dict[int, Columns]
    steps: dict[int, Columns]


class ProblemView(View):
    """A file that did not become part of an item, and why."""

    code: str
    name: str
    message: str


class ItemView(View):
    """One image/mask pair.

    `findings` are the codes of the dataset's findings that name it; `statistics` what was measured of it.
    """

    id: int
    position: int
    name: str
    group: str
    height: int
    width: int
    channels: int
    image_dtype: str
    mask_dtype: str
    foreground_fraction: float
    fractional_share: float
    statistics: dict[str, Any]
    correction: Correction
    findings: list[str]
    thumbnail_url: str
    mask_thumbnail_url: str


class ItemPage(View):
    """Some of a dataset's items; `total` counts those that the filter admits."""

    total: int
    offset: int
    items: list[ItemView]


class HealthView(View):
    """How many findings of each severity a dataset has."""

    fatal: int
    serious: int
    worth_knowing: int


class DatasetView(View):
    """One version of a dataset at a glance; `health` is None until it was checked."""

    id: int
    name: str
    source: str
    root: str
    state: DatasetState
    message: str
    progress: float
    content_hash: str
    import_spec: ImportSpec
    lineage_id: int
    version: int
    parent_id: int | None
    mask_rule_text: str
    created_at: datetime
    n_items: int
    n_problems: int
    foreground_mean: float | None
    foreground_std: float | None
    summary: dict[str, Any]
    health: HealthView | None


class VersionView(View):
    """A version of a dataset and what it changes against the version that it was made from."""

    id: int
    version: int
    state: DatasetState
    created_at: datetime
    n_items: int
    parent_version: int | None
    changes: list[str]


class DatasetDetail(DatasetView):
    """One version of a dataset with its findings, the files that were left out, and its sister versions."""

    intensity_low: float | None
    intensity_high: float | None
    edits: DatasetEdits
    findings: list[DataFinding]
    problems: list[ProblemView]
    versions: list[VersionView]


class WorkerView(View):
    """A worker process; `state` is live, lost or stopped."""

    id: str
    hostname: str
    pid: int
    state: str
    queues: list[str]
    slots: int
    devices: list[str]
    versions: dict[str, str]
    started_at: datetime
    heartbeat_at: datetime
    silent_seconds: float
    runs: list[RunView]
