"""The losses once more, in numpy and float64, as their papers write them: for one image, from probabilities."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def sigmoid(logits: Values) -> Values:
    values: Values = np.exp(-np.logaddexp(0, -logits))
    return values


def cross_entropy(mask: Values, logits: Values, *, positive_weight: float = 1.0) -> float:
    p, q = sigmoid(logits), sigmoid(-logits)
    return float(np.mean(np.where(mask > 0, -positive_weight * np.log(p), -np.log(q))))


def focal(mask: Values, logits: Values, *, gamma: float = 2.0, alpha: float | None = None) -> float:
    """Lin et al. 2017, equation 5, with their p_t and α_t."""
    p_t = np.where(mask > 0, sigmoid(logits), sigmoid(-logits))
    wrong = np.where(mask > 0, sigmoid(-logits), sigmoid(logits))
    alpha_t = 1.0 if alpha is None else np.where(mask > 0, alpha, 1 - alpha)
    return float(np.mean(-alpha_t * wrong**gamma * np.log(p_t)))


def tversky_index(mask: Values, logits: Values, *, alpha: float, beta: float, smoothing: float) -> float:
    """Salehi et al. 2017, equation 2: α prices false positives."""
    p = sigmoid(logits)
    found, false, missed = (p * mask).sum(), (p * (1 - mask)).sum(), ((1 - p) * mask).sum()
    return float((found + smoothing) / (found + alpha * false + beta * missed + smoothing))


def tversky(mask: Values, logits: Values, *, alpha: float = 0.3, beta: float = 0.7, smoothing: float = 1.0) -> float:
    return 1 - tversky_index(mask, logits, alpha=alpha, beta=beta, smoothing=smoothing)


def focal_tversky(
    mask: Values,
    logits: Values,
    *,
    gamma: float = 4 / 3,
    alpha: float = 0.3,
    beta: float = 0.7,
    smoothing: float = 1.0,
) -> float:
    return float(tversky(mask, logits, alpha=alpha, beta=beta, smoothing=smoothing) ** (1 / gamma))


def dice(mask: Values, logits: Values, *, smoothing: float = 1.0) -> float:
    p = sigmoid(logits)
    return float(1 - (2 * (p * mask).sum() + smoothing) / (p.sum() + mask.sum() + smoothing))


def soft_jaccard(mask: Values, logits: Values, *, smoothing: float = 1.0) -> float:
    p = sigmoid(logits)
    both = (p * mask).sum()
    return float(1 - (both + smoothing) / (p.sum() + mask.sum() - both + smoothing))


def lovasz_hinge(mask: Values, logits: Values) -> float:
    """Berman et al. 2018, definition 3 and equation 9: the Jaccard loss of growing sets of wrong pixels."""
    mask, logits = mask.ravel(), logits.ravel()
    errors = np.maximum(0, 1 - logits * (2 * mask - 1))
    foreground = {i for i in range(len(mask)) if mask[i] > 0}

    def jaccard_loss(wrong: set[int]) -> float:
        everything = foreground | wrong
        return len(wrong) / len(everything) if everything else 0.0

    order = [int(i) for i in np.argsort(-errors, kind="stable")]
    sets = [set(order[:count]) for count in range(len(order) + 1)]
    growth = [jaccard_loss(after) - jaccard_loss(before) for before, after in itertools.pairwise(sets)]
    return float(sum(errors[i] * by for i, by in zip(order, growth, strict=True)))
