"""What a training will cost and what will go wrong, computed before it starts: exact parameters, estimated memory and
time, and warnings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from app.domain.batchnorm import advised_momentum, batchnorm_warning
from app.domain.configuration import Architecture, ExperimentSpec, RunConfig
from app.domain.errors import FieldError, InvalidInputError
from app.domain.model_summary import ParameterCount, parameter_count, training_memory_bytes
from app.domain.split_spec import SplitSpec, SplitStrategy

#: Fewer validation items make the score itself uncertain (CAUSES, *validation-small*: n_val < 10).
FEW_VALIDATION_ITEMS = 10

#: Assumed standard deviation of Jaccard between images, to give that uncertainty a size. An assumption: the real one
#: is known only after the training.
ASSUMED_JACCARD_DEVIATION = 0.15

#: Student's t for a two-sided 95 % interval, by degrees of freedom (1 to 8).
STUDENT_T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306)

#: A training step is a forward and a backward pass, and the backward pass costs about two forward passes; validation
#: is one forward pass.
VALIDATION_SHARE_OF_STEP = 1 / 3


class EstimateWarningCode(StrEnum):
    """Stable codes of the warnings before a launch."""

    BATCHNORM_LAG = "batchnorm-lag"
    VALIDATION_SMALL = "validation-small"
    BATCH_TOO_LARGE = "batch-too-large"


@dataclass(frozen=True, slots=True)
class EstimateWarning:
    """One thing that will go wrong.

    Parameters
    ----------
    code : EstimateWarningCode
        Stable code.
    message : str
        What will happen, with the numbers.
    field : str
        Dotted path of the setting that causes it, as `ExperimentSpec` and the form name it.
    suggestion : str
        What to do instead, as a sentence.
    value : float, optional
        A better value for `field`, where one is known.
    """

    code: EstimateWarningCode
    message: str
    field: str
    suggestion: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What one run will cost.

    Parameters
    ----------
    parameters : ParameterCount
        Exact.
    memory_bytes : int
        Rough; see `app.domain.model_summary.training_memory_bytes`.
    steps_per_epoch, updates : int
        Optimizer steps an epoch, and in all planned epochs.
    seconds : float or None
        Duration of all planned epochs (early stopping may end a run before); None without a measured rate.
    warnings : tuple of EstimateWarning
        What will go wrong.
    """

    parameters: ParameterCount
    memory_bytes: int
    steps_per_epoch: int
    updates: int
    seconds: float | None
    warnings: tuple[EstimateWarning, ...]


def steps_per_epoch(training_items: int, batch_size: int) -> int:
    """Return the optimizer steps of an epoch; the last batch may be smaller."""
    return math.ceil(training_items / batch_size)


def estimate_run(
    config: RunConfig,
    *,
    training_items: int,
    validation_items: int,
    split: SplitSpec,
    measured_images_per_second: float | None = None,
) -> RunEstimate:
    """Estimate one run of an experiment.

    Parameters
    ----------
    config : RunConfig
        What is to be trained.
    training_items, validation_items : int
        Sizes of the run's fold.
    split : SplitSpec
        What would change them.
    measured_images_per_second : float, optional
        Training images a second that a worker has reached with this network and image size.
    """
    steps = steps_per_epoch(training_items, config.model.batch_size)
    epochs = config.training.epochs
    seconds = None
    if measured_images_per_second is not None and measured_images_per_second > 0:
        images = training_items + VALIDATION_SHARE_OF_STEP * validation_items
        seconds = epochs * images / measured_images_per_second
    return RunEstimate(
        parameters=parameter_count(architecture=config.model.architecture, image=config.image, network=config.network),
        memory_bytes=training_memory_bytes(
            architecture=config.model.architecture,
            image=config.image,
            network=config.network,
            batch_size=config.model.batch_size,
        ),
        steps_per_epoch=steps,
        updates=steps * epochs,
        seconds=seconds,
        warnings=tuple(
            _warnings(
                config,
                training_items=training_items,
                validation_items=validation_items,
                split=split,
                updates=steps * epochs,
            )
        ),
    )


def _warnings(
    config: RunConfig, *, training_items: int, validation_items: int, split: SplitSpec, updates: int
) -> Iterator[EstimateWarning]:
    if config.model.batch_size > training_items:
        field, message = _batch_error(config.model.architecture, config.model.batch_size, training_items)
        yield EstimateWarning(
            EstimateWarningCode.BATCH_TOO_LARGE, message, field, f"Set the batch size to {max(training_items, 1)}."
        )
    yield from _batchnorm_warnings(config, updates=updates)
    if validation_items < FEW_VALIDATION_ITEMS:
        yield EstimateWarning(
            EstimateWarningCode.VALIDATION_SMALL,
            _few_items_message(validation_items),
            *_more_validation_items(split),
        )


def _more_validation_items(split: SplitSpec) -> tuple[str, str]:
    """Return the field that decides how many items validate, and what to do about it."""
    if split.strategy is SplitStrategy.EXPLICIT:
        return "split.validation", "Name more validation items, or register more images."
    if split.fold_count > 1:
        return "split.folds", "Compare the models by their mean over the folds, or register more images."
    return "split.validation_fraction", "Raise the validation share, or register more images."


def _batchnorm_warnings(config: RunConfig, *, updates: int) -> Iterator[EstimateWarning]:
    momentum = config.moving_average_momentum
    if momentum is None:
        return
    message = batchnorm_warning(updates=updates, momentum=momentum)
    patience = config.training.early_stopping_patience
    if message is None and patience:
        # The report's own case: 100 planned epochs would have sufficed, but validation never beat its first epochs,
        # and patience 15 ended the runs after 80 to 171 updates.
        first_epochs = min(patience + 1, config.training.epochs)
        updates = updates // config.training.epochs * first_epochs
        message = batchnorm_warning(updates=updates, momentum=momentum)
        if message is not None:
            condition = f"Early stopping may end this run after {first_epochs} epochs. If it does"
            message = f"{condition}: {_uncapitalised(message)}"
    if message is None:
        return
    advised = advised_momentum(updates)
    helps = advised is not None and advised < momentum
    yield EstimateWarning(
        EstimateWarningCode.BATCHNORM_LAG,
        message,
        "network.batchnorm_momentum",
        f"Set the batch-norm momentum to {advised:g}."
        if helps
        else "Train for more epochs or with smaller batches, so that there are more updates.",
        advised if helps else None,
    )


def _uncapitalised(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _few_items_message(items: int) -> str:
    # "1 validation items" would be read by a person.
    subject = "1 validation item" if items == 1 else f"{items} validation items"
    if items < 2:
        return f"With {subject} nobody can say how uncertain the score is."
    half_width = STUDENT_T_95[items - 2] * ASSUMED_JACCARD_DEVIATION / math.sqrt(items)
    return (
        f"With {subject} the score is uncertain: if Jaccard differs between images by a standard deviation of "
        f"{ASSUMED_JACCARD_DEVIATION:g} (assumed), its mean is known to ±{min(half_width, 1):.2f} (95 % interval)."
    )


class FoldSize(NamedTuple):
    """Number of items on each side of a fold."""

    training: int
    validation: int


def check_against_dataset(spec: ExperimentSpec, *, folds: Sequence[FoldSize]) -> None:
    """Refuse an experiment that its dataset cannot carry in every fold.

    Parameters
    ----------
    spec : ExperimentSpec
        The launch.
    folds : sequence of FoldSize
        At least one.

    Raises
    ------
    InvalidInputError
        With one field error for each setting: a split that leaves nothing to train or to validate on, and each model
        whose batch is larger than the training set of the smallest fold.
    """
    errors: list[FieldError] = []
    share = spec.split.validation_fraction
    training_items = min(fold.training for fold in folds)
    if min(fold.validation for fold in folds) < 1:
        errors.append(FieldError("split.validation_fraction", f"{share:g} leaves no item to validate on; raise it."))
    if training_items < 1:
        errors.append(FieldError("split.validation_fraction", f"{share:g} leaves no item to train on; lower it."))
    else:
        errors.extend(
            FieldError(*_batch_error(model.architecture, model.batch_size, training_items, folds=len(folds)))
            for model in spec.models
            if model.batch_size > training_items
        )
    if errors:
        listed = "; ".join(f"{error.field}: {error.message}" for error in errors)
        raise InvalidInputError(f"Invalid experiment for this dataset. {listed}", fields=errors)


def _batch_error(
    architecture: Architecture, batch_size: int, training_items: int, *, folds: int = 1
) -> tuple[str, str]:
    which = "smallest training set of the folds," if folds > 1 else "training set of"
    return (
        f"models.{architecture.value}.batch_size",
        f"A batch of {batch_size} is larger than the {which} {training_items}; use at most {training_items}.",
    )
