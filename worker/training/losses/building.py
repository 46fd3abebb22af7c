"""From a specification to a loss."""

from __future__ import annotations

from app.domain.loss_spec import ClassBalance, LossKind, LossSpec
from worker.training.losses.cross_entropy import CrossEntropy, Focal
from worker.training.losses.lovasz import LovaszHinge
from worker.training.losses.overlap import Dice, FocalTversky, SoftJaccard, Tversky
from worker.training.losses.segmentation_loss import SegmentationLoss
from worker.training.losses.weighted_sum import WeightedSum


def make_loss(spec: LossSpec) -> SegmentationLoss:
    """Make the loss that `spec` names.

    Raises
    ------
    ValueError
        The class balance is still to be taken from the data: `app.domain.loss_spec.LossSpec.balanced` does that.
    """
    if spec.class_balance == ClassBalance.FROM_DATA:
        raise ValueError(
            "Invalid class_balance: received 'from-data', expected weights; call `balanced` with the foreground "
            "fraction of the training masks first."
        )
    if spec.kind == LossKind.CROSS_ENTROPY_DICE:
        parts = {LossKind.CROSS_ENTROPY: 1.0, LossKind.DICE: 1.0}
    elif spec.kind == LossKind.WEIGHTED_SUM:
        parts = spec.weights()
    else:
        return _make_single(spec.kind, spec)
    return WeightedSum(terms=[_make_single(kind, spec) for kind in parts], weights=list(parts.values()))


def _make_single(kind: LossKind, spec: LossSpec) -> SegmentationLoss:
    is_balanced = spec.class_balance != ClassBalance.NONE
    match kind:
        case LossKind.FOCAL:
            return Focal(gamma=spec.focal_gamma, alpha=spec.focal_alpha if is_balanced else None)
        case LossKind.CROSS_ENTROPY:
            return CrossEntropy(positive_weight=spec.positive_weight if is_balanced else 1.0)
        case LossKind.DICE:
            return Dice(smoothing=spec.smoothing)
        case LossKind.JACCARD:
            return SoftJaccard(smoothing=spec.smoothing)
        case LossKind.TVERSKY:
            return Tversky(alpha=spec.tversky_alpha, beta=spec.tversky_beta, smoothing=spec.smoothing)
        case LossKind.FOCAL_TVERSKY:
            return FocalTversky(
                gamma=spec.focal_tversky_gamma,
                alpha=spec.tversky_alpha,
                beta=spec.tversky_beta,
                smoothing=spec.smoothing,
            )
        case LossKind.LOVASZ:
            return LovaszHinge()
        case _:
            raise ValueError(f"Invalid loss: received {kind.value!r}, expected a loss that is no sum of others.")
