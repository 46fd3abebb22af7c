"""What `segscope train` and `segscope reproduce` ask of a training without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.domain.configuration import ExperimentSpec
from app.domain.dataset_import import ImportSpec


class HeadlessOrder(BaseModel):
    """One command: train on a dataset, resume an experiment, or reproduce a run.

    Parameters
    ----------
    dataset_id : int or None
        A registered dataset …
    folder : Path or None
        … or a folder, which is registered and checked if it is not yet.
    import_spec : ImportSpec
        How the folder is read.
    spec : dict
        `ExperimentSpec` without the dataset.
    resume, reproduce : int or None
        Number of the experiment to go on with, or of the run to train again and compare.
    as_json : bool
        Print one JSON object a line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset_id: int | None = None
    folder: Path | None = None
    import_spec: ImportSpec = Field(default_factory=ImportSpec)
    spec: dict[str, Any] = Field(default_factory=dict)
    resume: int | None = None
    reproduce: int | None = None
    as_json: bool = False

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = [self.dataset_id, self.folder, self.resume, self.reproduce]
        if sum(item is not None for item in given) != 1:
            raise ValueError("exactly one of dataset_id, folder, resume and reproduce must be given")
        return self

    def spec_for(self, dataset_id: int) -> ExperimentSpec:
        """Return the specification on a dataset."""
        return ExperimentSpec.model_validate({**self.spec, "dataset_id": dataset_id})
