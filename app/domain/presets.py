"""Named starting points for the launch form."""

from __future__ import annotations

from app.domain.configuration import (
    Architecture,
    ExperimentSpec,
    ImageSpec,
    ModelSpec,
    NetworkSpec,
    TrainingSpec,
)

#: Learning rate and batch size that the reference study found best for each model.
REPORT_MODELS = (
    ModelSpec(architecture=Architecture.UNET, learning_rate=1e-3, batch_size=8),
    ModelSpec(architecture=Architecture.ATTENTION_UNET, learning_rate=1e-4, batch_size=16),
    ModelSpec(architecture=Architecture.ATTENTION_RESUNET, learning_rate=5e-4, batch_size=16),
)


def report_preset(dataset_id: int) -> ExperimentSpec:
    """Return the training of the report: three models, 256×256×3, 64 filters, up to 100 epochs."""
    return ExperimentSpec(dataset_id=dataset_id, models=REPORT_MODELS)


def collapse_demo(dataset_id: int) -> ExperimentSpec:
    """Return the report's training at a size that a laptop CPU finishes in about two minutes.

    Optimizer, learning rate, batch size, loss, momentum and split are the report's own; image size, base
    filters and epochs are scaled down.
    """
    return ExperimentSpec(
        name="Reproduce the collapse",
        dataset_id=dataset_id,
        image=ImageSpec(height=128, width=128, channels=3),
        network=NetworkSpec(base_filters=16, batchnorm_momentum=0.99),
        training=TrainingSpec(epochs=19),
        models=REPORT_MODELS[:1],
    )
