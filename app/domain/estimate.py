"""What a training will cost and what will go wrong, computed before it starts.

Parameters are exact: sums over the layers of the three architectures, which the tests hold against the built
models. Memory and time are estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.domain.configuration import Architecture, ExperimentSpec, RunConfig
from app.domain.errors import FieldError, InvalidInputError

LEVELS = 5
BYTES_PER_FLOAT = 4

#: Adam keeps a first and a second moment for each weight that it trains.
ADAM_SLOTS = 2

#: Moving statistics count as converged from updates × (1 − momentum) = 5 on: they then keep e⁻⁵ = 0.7 % of their
#: initial values (CAUSES, *batchnorm-lag*: static evidence).
BATCHNORM_CONVERGENCE = 5.0

#: The momentum to advise: with it, all else equal, the reproduced collapse ended at 0.42 instead of 1e-11 (DESIGN, §1).
ADVISED_MOMENTUM = 0.9

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
class ParameterCount:
    """Number of weights of a network.

    Parameters
    ----------
    total : int
        All weights.
    non_trainable : int
        Moving means and variances among them.
    batchnorm_layers : int
        How many batch normalisations there are.
    """

    total: int
    non_trainable: int
    batchnorm_layers: int

    @property
    def trainable(self) -> int:
        """Weights that the optimizer changes."""
        return self.total - self.non_trainable


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What one run will cost.

    Parameters
    ----------
    parameters : ParameterCount
        Exact.
    memory_bytes : int
        Rough; see `memory_bytes`.
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


# === Layers ===


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer: its weights, and the size of its output as channels × (pixels of the input / `shrink`²)."""

    weights: int
    channels: int
    shrink: int
    is_batchnorm: bool = False


def _convolution(kernel: int, incoming: int, outgoing: int, *, shrink: int) -> _Layer:
    # A transposed convolution has as many weights: kernel² × in × out, and a bias.
    return _Layer(kernel * kernel * incoming * outgoing + outgoing, outgoing, shrink)


def _batchnorm(channels: int, *, shrink: int) -> _Layer:
    # Scale, offset, moving mean, moving variance.
    return _Layer(4 * channels, channels, shrink, is_batchnorm=True)


def _weightless(channels: int, *, shrink: int) -> _Layer:
    return _Layer(0, channels, shrink)


def _plain_block(incoming: int, filters: int, *, shrink: int) -> Iterator[_Layer]:
    for channels in (incoming, filters):
        yield _convolution(3, channels, filters, shrink=shrink)
        yield _batchnorm(filters, shrink=shrink)
        yield _weightless(filters, shrink=shrink)  # ReLU


def _residual_block(incoming: int, filters: int, *, shrink: int) -> Iterator[_Layer]:
    yield _convolution(3, incoming, filters, shrink=shrink)
    yield _batchnorm(filters, shrink=shrink)
    yield _weightless(filters, shrink=shrink)  # ReLU
    yield _convolution(3, filters, filters, shrink=shrink)
    yield _batchnorm(filters, shrink=shrink)
    yield _convolution(1, incoming, filters, shrink=shrink)
    yield _batchnorm(filters, shrink=shrink)
    yield _weightless(filters, shrink=shrink)  # sum
    yield _weightless(filters, shrink=shrink)  # ReLU


def _attention(skip: int, coarse: int, filters: int, *, shrink: int) -> Iterator[_Layer]:
    # The gate of the coarser map.
    yield _convolution(1, coarse, filters, shrink=2 * shrink)
    yield _batchnorm(filters, shrink=2 * shrink)
    yield _weightless(filters, shrink=2 * shrink)  # ReLU
    # The attention itself, at the coarser resolution.
    yield _convolution(2, skip, filters, shrink=2 * shrink)  # θ
    yield _convolution(1, filters, filters, shrink=2 * shrink)  # φ
    yield _convolution(3, filters, filters, shrink=2 * shrink)  # φ, transposed
    yield _weightless(filters, shrink=2 * shrink)  # sum
    yield _weightless(filters, shrink=2 * shrink)  # ReLU
    yield _convolution(1, filters, 1, shrink=2 * shrink)
    yield _weightless(1, shrink=2 * shrink)  # sigmoid
    # And back at the skip's.
    yield _weightless(1, shrink=shrink)  # upsampling
    yield _weightless(skip, shrink=shrink)  # repeated over the channels
    yield _weightless(skip, shrink=shrink)  # product
    yield _convolution(1, skip, skip, shrink=shrink)
    yield _batchnorm(skip, shrink=shrink)


def _layers(*, architecture: Architecture, channels: int, base_filters: int) -> Iterator[_Layer]:
    block = _residual_block if architecture is Architecture.ATTENTION_RESUNET else _plain_block
    incoming = channels
    for level in range(LEVELS):
        filters, shrink = base_filters << level, 1 << level
        yield from block(incoming, filters, shrink=shrink)
        if level < LEVELS - 1:
            yield _weightless(filters, shrink=2 * shrink)  # pooling
        incoming = filters
    for level in reversed(range(LEVELS - 1)):
        filters, shrink = base_filters << level, 1 << level
        if architecture is not Architecture.UNET:
            yield from _attention(filters, incoming, filters, shrink=shrink)
        yield _weightless(incoming, shrink=shrink)  # upsampling
        yield _weightless(incoming + filters, shrink=shrink)  # concatenation
        yield from block(incoming + filters, filters, shrink=shrink)
        incoming = filters
    yield _convolution(1, incoming, 1, shrink=1)
    yield _batchnorm(1, shrink=1)
    yield _weightless(1, shrink=1)  # sigmoid


# === Size ===


def parameter_count(*, architecture: Architecture, channels: int, base_filters: int) -> ParameterCount:
    """Count a network's weights, exactly, without building it.

    Examples
    --------
    >>> parameter_count(architecture=Architecture.UNET, channels=3, base_filters=64)
    ParameterCount(total=31402501, non_trainable=11778, batchnorm_layers=19)
    """
    layers = tuple(_layers(architecture=architecture, channels=channels, base_filters=base_filters))
    return ParameterCount(
        total=sum(layer.weights for layer in layers),
        # Half of a normalisation's weights: the moving mean and variance.
        non_trainable=sum(layer.weights // 2 for layer in layers if layer.is_batchnorm),
        batchnorm_layers=sum(layer.is_batchnorm for layer in layers),
    )


def memory_bytes(
    *, architecture: Architecture, channels: int, base_filters: int, height: int, width: int, batch_size: int
) -> int:
    """Estimate the memory of one training step, roughly.

    Counted, in float32: the weights, one gradient and two Adam moments for each trained weight, the input batch, the
    output of every layer (kept for the backward pass), and the gradients of the largest output and its input. Not
    counted: the framework itself (some 500 MB on a CPU, 1 GB on a GPU), the workspaces of convolutions, cached images,
    fragmentation. Frameworks fuse some layers, so that a real step may need less, too; take it for the order of
    magnitude.
    """
    parameters = parameter_count(architecture=architecture, channels=channels, base_filters=base_filters)
    pixels = height * width
    outputs = [
        layer.channels * pixels // (layer.shrink * layer.shrink)
        for layer in _layers(architecture=architecture, channels=channels, base_filters=base_filters)
    ]
    per_image = channels * pixels + sum(outputs) + 2 * max(outputs)
    floats = parameters.total + (1 + ADAM_SLOTS) * parameters.trainable + batch_size * per_image
    return BYTES_PER_FLOAT * floats


def steps_per_epoch(training_items: int, batch_size: int) -> int:
    """Return the optimizer steps of an epoch; the last batch may be smaller."""
    return math.ceil(training_items / batch_size)


# === Batch normalisation ===


def convergence(*, updates: int, momentum: float) -> float:
    """Return updates × (1 − momentum): how many time constants the moving statistics have had."""
    return updates * (1 - momentum)


def initial_share(*, updates: int, momentum: float) -> float:
    """Return momentum^updates: the share of their initial values that the moving statistics still hold (0 to 1)."""
    return float(momentum**updates)


def percent(share: float) -> str:
    """Write a share; one below a percent keeps a digit, because "0 %" would deny it.

    Examples
    --------
    >>> percent(0.4475), percent(0.0066)
    ('45 %', '0.7 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1g} %"


def advised_momentum(updates: int) -> float | None:
    """Return a momentum with which the statistics converge in `updates`; None if no sensible one exists.

    0.9 where that is enough; less for shorter trainings, rounded down to a twentieth, down to 0.5: below, a single
    batch would decide.
    """
    if convergence(updates=updates, momentum=ADVISED_MOMENTUM) >= BATCHNORM_CONVERGENCE - 1e-9:
        return ADVISED_MOMENTUM
    if updates < 1:
        return None
    momentum = math.floor(20 * (1 - BATCHNORM_CONVERGENCE / updates) + 1e-9) / 20
    return momentum if momentum >= 0.5 else None


def batchnorm_warning(*, updates: int, momentum: float) -> str | None:
    """Say that the moving statistics will not converge, and what would help; None if they will.

    Parameters
    ----------
    updates : int
        Optimizer steps of the whole plan.
    momentum : float
        Momentum of the batch normalisations.

    References
    ----------
    Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576.
    """
    if convergence(updates=updates, momentum=momentum) >= BATCHNORM_CONVERGENCE - 1e-9:
        return None
    share = percent(initial_share(updates=updates, momentum=momentum))
    message = (
        f"The moving statistics will not converge in {updates} updates: they keep {share} of their initial values, so "
        "that validation may collapse while training looks well"
    )
    advised = advised_momentum(updates)
    if advised is None or advised >= momentum:
        return f"{message}."
    return f"{message}; momentum {advised:g} would converge."


# === The whole run ===


def estimate_run(
    config: RunConfig,
    *,
    training_items: int,
    validation_items: int,
    measured_images_per_second: float | None = None,
) -> RunEstimate:
    """Estimate one run of an experiment.

    Parameters
    ----------
    config : RunConfig
        What is to be trained.
    training_items, validation_items : int
        Sizes of the split.
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
        parameters=parameter_count(
            architecture=config.model.architecture,
            channels=config.image.channels,
            base_filters=config.network.base_filters,
        ),
        memory_bytes=memory_bytes(
            architecture=config.model.architecture,
            channels=config.image.channels,
            base_filters=config.network.base_filters,
            height=config.image.height,
            width=config.image.width,
            batch_size=config.model.batch_size,
        ),
        steps_per_epoch=steps,
        updates=steps * epochs,
        seconds=seconds,
        warnings=tuple(
            _warnings(config, training_items=training_items, validation_items=validation_items, updates=steps * epochs)
        ),
    )


def _warnings(
    config: RunConfig, *, training_items: int, validation_items: int, updates: int
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
            "split.validation_fraction",
            "Raise the validation share, or register more images.",
        )


def _batchnorm_warnings(config: RunConfig, *, updates: int) -> Iterator[EstimateWarning]:
    if config.training.precise_batchnorm:
        return
    momentum = config.network.batchnorm_momentum
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


def check_against_dataset(spec: ExperimentSpec, *, training_items: int, validation_items: int) -> None:
    """Refuse an experiment that its dataset cannot carry.

    Raises
    ------
    InvalidInputError
        With one field error for each setting: a split that leaves nothing to train or to validate on, and each model
        whose batch is larger than the training set.
    """
    errors: list[FieldError] = []
    share = spec.split.validation_fraction
    if validation_items < 1:
        errors.append(FieldError("split.validation_fraction", f"{share:g} leaves no item to validate on; raise it."))
    if training_items < 1:
        errors.append(FieldError("split.validation_fraction", f"{share:g} leaves no item to train on; lower it."))
    else:
        errors.extend(
            FieldError(*_batch_error(model.architecture, model.batch_size, training_items))
            for model in spec.models
            if model.batch_size > training_items
        )
    if errors:
        listed = "; ".join(f"{error.field}: {error.message}" for error in errors)
        raise InvalidInputError(f"Invalid experiment for this dataset. {listed}", fields=errors)


def _batch_error(architecture: Architecture, batch_size: int, training_items: int) -> tuple[str, str]:
    return (
        f"models.{architecture.value}.batch_size",
        f"A batch of {batch_size} is larger than the training set of {training_items}; use at most {training_items}.",
    )
