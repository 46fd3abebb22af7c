"""Read models: what pages, the JSON API and the live stream say about rows. One shape for all three."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.domain.configuration import Architecture, RunConfig
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

    Jaccards are 0 to 1 (or `nan`), `progress` is 0 to 1, moments are UTC.
    """

    id: int
    experiment_id: int
    experiment_name: str
    dataset_id: int
    dataset_name: str
    architecture: Architecture
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


class ExperimentView(View):
    """One launch with its runs."""

    id: int
    name: str
    dataset_id: int
    dataset_name: str
    dataset_hash: str
    created_at: datetime
    spec: dict[str, Any]
    training_items: int
    validation_items: int
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
    """One image/mask pair."""

    id: int
    name: str
    group: str
    height: int
    width: int
    channels: int
    image_dtype: str
    mask_dtype: str
    foreground_fraction: float
    fractional_share: float
    thumbnail_url: str
    mask_thumbnail_url: str


class DatasetView(View):
    """A dataset at a glance."""

    id: int
    name: str
    source: str
    root: str
    state: DatasetState
    message: str
    progress: float
    content_hash: str
    mask_rule: str
    mask_rule_text: str
    created_at: datetime
    n_items: int
    n_problems: int
    foreground_mean: float | None
    foreground_std: float | None
    summary: dict[str, Any]


class DatasetDetail(DatasetView):
    """A dataset with its items and its problems."""

    images_dir: str
    masks_dir: str
    intensity_low: float | None
    intensity_high: float | None
    items: list[ItemView]
    problems: list[ProblemView]


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
