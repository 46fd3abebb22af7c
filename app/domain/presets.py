"""Named starting points for the launch form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.configuration import (
    Architecture,
    ExperimentSpec,
    ImageSpec,
    ModelSpec,
    TrainingSpec,
)
from app.domain.network_spec import NetworkSpec

#: Learning rate and batch size that the reference study found best for each model.
REPORT_MODELS = (
    ModelSpec(architecture=Architecture.UNET, learning_rate=1e-3, batch_size=8),
    ModelSpec(architecture=Architecture.ATTENTION_UNET, learning_rate=1e-4, batch_size=16),
    ModelSpec(architecture=Architecture.ATTENTION_RESUNET, learning_rate=5e-4, batch_size=16),
)


#: Keras' default, with which the study trained.
REPORT_MOMENTUM = 0.99


def recommended_preset(dataset_id: int) -> ExperimentSpec:
    """Return the report's three models with what prevents its collapse.

    A momentum that fits the steps of the run, and moving statistics that are re-estimated before every validation.
    """
    return ExperimentSpec(dataset_id=dataset_id, training=TrainingSpec(precise_batchnorm=True), models=REPORT_MODELS)


def report_preset(dataset_id: int) -> ExperimentSpec:
    """Return the training of the report: three models, 256×256×3, 64 filters, momentum 0.99, up to 100 epochs."""
    return ExperimentSpec(
        dataset_id=dataset_id, network=NetworkSpec(batchnorm_momentum=REPORT_MOMENTUM), models=REPORT_MODELS
    )


def collapse_demo(dataset_id: int) -> ExperimentSpec:
    """Return the report's training at a size that a laptop CPU finishes in about two minutes.

    Optimizer, learning rate, batch size, loss, momentum and split are the report's own; image size, base
    filters and epochs are scaled down.
    """
    return ExperimentSpec(
        name="Reproduce the collapse",
        dataset_id=dataset_id,
        image=ImageSpec(height=128, width=128, channels=3),
        network=NetworkSpec(base_filters=16, batchnorm_momentum=REPORT_MOMENTUM),
        training=TrainingSpec(epochs=19),
        models=REPORT_MODELS[:1],
    )


@dataclass(frozen=True, slots=True)
class Preset:
    """A starting point that the launch form offers.

    Parameters
    ----------
    title, description : str
        For people.
    make : callable
        Returns the specification for a dataset's id.
    """

    title: str
    description: str
    make: Callable[[int], ExperimentSpec]


DEFAULT_PRESET = "recommended"

#: By the name that stands in the form's address.
PRESETS = {
    DEFAULT_PRESET: Preset(
        "Recommended",
        "The three models of the reference study, with batch normalisation that converges in the steps of the run "
        "and is re-estimated before every validation.",
        recommended_preset,
    ),
    "report": Preset(
        "As in the report",
        "The settings of the reference study, momentum 0.99 included: validation may collapse.",
        report_preset,
    ),
    "collapse": Preset(
        "Reproduce the collapse",
        "UNet at 128×128 with 16 filters: collapses on a laptop's CPU in about two minutes.",
        collapse_demo,
    ),
}
