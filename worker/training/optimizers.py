"""The optimizer that a configuration asks for."""

from __future__ import annotations

import keras

from app.domain.configuration import Precision, RunConfig
from app.domain.optimization_spec import OptimizerKind

#: Names of the variables that weight decay leaves alone: decaying a bias, or a normalisation's scale and offset,
#: regularises nothing (He et al. 2019, "Bag of tricks for image classification", arXiv 1812.01187, section 3.1).
NOT_DECAYED = ("bias", "gamma", "beta")


def make_optimizer(config: RunConfig, *, precision: Precision) -> keras.optimizers.Optimizer:
    """Return a new optimizer with gradients clipped to `training.clipnorm`, variable by variable.

    Parameters
    ----------
    config : RunConfig
        Its `optimizer` section, learning rate and `clipnorm`.
    precision : Precision
        For mixed float16, the optimizer is wrapped: the loss is multiplied by a dynamic scale, so that small gradients
        survive in float16; a step whose gradients overflow is skipped and halves the scale (Micikevicius et al. 2018,
        "Mixed precision training", arXiv 1710.03740, section 3.2).

    References
    ----------
    Adam: Kingma & Ba 2015, arXiv 1412.6980. AdamW: Loshchilov & Hutter 2019, arXiv 1711.05101. Nesterov momentum as in
    Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
    """
    spec = config.optimizer
    common = {"learning_rate": config.model.learning_rate, "clipnorm": config.training.clipnorm}
    optimizer: keras.optimizers.Optimizer
    match spec.kind:
        case OptimizerKind.ADAM:
            optimizer = keras.optimizers.Adam(**common)
        case OptimizerKind.ADAMW:
            optimizer = keras.optimizers.AdamW(weight_decay=spec.weight_decay, **common)
            optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
        case OptimizerKind.SGD:
            optimizer = keras.optimizers.SGD(momentum=spec.momentum, nesterov=spec.nesterov, **common)
    if precision is Precision.MIXED_FLOAT16:
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
