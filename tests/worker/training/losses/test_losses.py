"""Every loss: its values, its gradient, what it does at the extremes, and that it survives being saved."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.domain.loss_spec import ClassBalance, LossKind, LossSpec
from tests.worker.training.losses import numpy_losses as reference
from worker.training.losses.building import make_loss
from worker.training.losses.cross_entropy import CrossEntropy, Focal
from worker.training.losses.lovasz import LovaszHinge
from worker.training.losses.overlap import Dice, FocalTversky, SoftJaccard, Tversky
from worker.training.losses.segmentation_loss import SegmentationLoss
from worker.training.losses.weighted_sum import WeightedSum

Case = tuple[SegmentationLoss, Callable[..., float], dict[str, Any]]

CASES: dict[str, Case] = {
    "cross-entropy": (CrossEntropy(), reference.cross_entropy, {}),
    "weighted cross-entropy": (CrossEntropy(positive_weight=7.5), reference.cross_entropy, {"positive_weight": 7.5}),
    "focal": (Focal(), reference.focal, {}),
    "focal with α": (Focal(gamma=1.5, alpha=0.8), reference.focal, {"gamma": 1.5, "alpha": 0.8}),
    "focal, γ below 1": (Focal(gamma=0.5), reference.focal, {"gamma": 0.5}),
    "Dice": (Dice(), reference.dice, {}),
    "Dice, little smoothing": (Dice(smoothing=1e-4), reference.dice, {"smoothing": 1e-4}),
    "soft Jaccard": (SoftJaccard(smoothing=2.0), reference.soft_jaccard, {"smoothing": 2.0}),
    "Tversky": (Tversky(), reference.tversky, {}),
    "Tversky the other way": (Tversky(alpha=0.9, beta=0.2), reference.tversky, {"alpha": 0.9, "beta": 0.2}),
    "focal Tversky": (FocalTversky(gamma=2.0), reference.focal_tversky, {"gamma": 2.0}),
    "Lovász hinge": (LovaszHinge(), reference.lovasz_hinge, {}),
}


def images(seed: int = 0, *, size: int = 6, spread: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Return masks and logits of three images: random, without foreground, all foreground."""
    random = np.random.default_rng(seed)
    masks = np.stack([random.random((size, size)) < 0.4, np.zeros((size, size)), np.ones((size, size))])
    return masks.astype(np.float64)[..., None], random.normal(0, spread, (3, size, size, 1))


def tensors(*arrays: np.ndarray) -> list[tf.Tensor]:
    return [tf.constant(array, tf.float32) for array in arrays]


@pytest.mark.parametrize(("loss", "expected", "parameters"), CASES.values(), ids=list(CASES))
def test_value_is_that_of_the_numpy_implementation(
    loss: SegmentationLoss, expected: Callable[..., float], parameters: dict[str, Any]
) -> None:
    masks, logits = images()
    wanted = [expected(mask, values, **parameters) for mask, values in zip(masks, logits, strict=True)]
    targets, values = tensors(masks, logits)
    np.testing.assert_allclose(loss.of_logits(targets, values).numpy(), wanted, rtol=2e-5, atol=1e-6)
    # The same from probabilities, and their mean as Keras calls it.
    probabilities = tf.sigmoid(values)
    np.testing.assert_allclose(loss.call(targets, probabilities).numpy(), wanted, rtol=1e-4, atol=1e-5)
    assert float(loss(targets, probabilities)) == pytest.approx(np.mean(wanted), rel=1e-4)


@pytest.mark.parametrize(("loss", "expected", "parameters"), CASES.values(), ids=list(CASES))
def test_gradient_is_that_of_finite_differences(
    loss: SegmentationLoss, expected: Callable[..., float], parameters: dict[str, Any]
) -> None:
    masks, logits = images(seed=4, size=4, spread=1.5)
    targets, values = tensors(masks, logits)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(loss.of_logits(targets, values))
    gradient = tape.gradient(total, values).numpy()
    step = 1e-5
    numeric = np.zeros_like(logits)
    for index in np.ndindex(logits.shape):
        item = index[0]
        up, down = logits[item].copy(), logits[item].copy()
        up[index[1:]] += step
        down[index[1:]] -= step
        numeric[index] = (expected(masks[item], up, **parameters) - expected(masks[item], down, **parameters)) / (
            2 * step
        )
    assert np.abs(numeric).max() > 1e-3
    np.testing.assert_allclose(gradient, numeric, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("loss", [case[0] for case in CASES.values()], ids=list(CASES))
@pytest.mark.parametrize("size", [-1e4, -90.0, -20.0, 0.0, 20.0, 90.0, 1e4])
@pytest.mark.parametrize("precision", [tf.float32, tf.float16])
def test_extreme_logits_give_finite_values_and_gradients(
    loss: SegmentationLoss, size: float, precision: tf.DType
) -> None:
    masks, _ = images()
    values = tf.cast(tf.fill(masks.shape, size), precision)
    targets = tf.constant(masks, precision)
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = loss.of_logits(targets, values)
        total = tf.reduce_sum(result)
    assert result.dtype == tf.float32
    assert np.isfinite(result.numpy()).all()
    assert result.numpy().min() >= 0
    assert np.isfinite(tape.gradient(total, values).numpy()).all()
    assert np.isfinite(loss.call(targets, tf.sigmoid(values)).numpy()).all()


@pytest.mark.parametrize("loss", [CrossEntropy(), Focal(), Focal(gamma=0.5)], ids=["ce", "focal", "focal 0.5"])
def test_a_saturated_wrong_pixel_still_learns(loss: SegmentationLoss) -> None:
    """A logit of 40 is a probability of exactly 1 in float32, through which no gradient comes back."""
    values, targets = tf.fill((1, 2, 2, 1), 40.0), tf.zeros((1, 2, 2, 1))
    assert float(tf.sigmoid(40.0)) == 1.0
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(loss.of_logits(targets, values))
    np.testing.assert_allclose(tape.gradient(total, values).numpy(), 0.25, rtol=1e-3)


@pytest.mark.parametrize("loss", [case[0] for case in CASES.values()], ids=list(CASES))
def test_a_perfect_prediction_costs_nothing_and_the_opposite_much(loss: SegmentationLoss) -> None:
    masks, _ = images(size=16)
    targets = tf.constant(masks, tf.float32)
    right, wrong = loss.of_logits(targets, 50 * (2 * targets - 1)), loss.of_logits(targets, -50 * (2 * targets - 1))
    # A focal Tversky loss is flat just above 0.
    np.testing.assert_allclose(right.numpy(), 0, atol=1e-3)
    assert wrong.numpy().min() > 0.5


def test_focal_loss_without_alpha_is_that_of_keras() -> None:
    masks, logits = images()
    targets, probabilities = tensors(masks, reference.sigmoid(logits))
    ours = Focal(gamma=2.0)(targets, probabilities)
    theirs = keras.losses.BinaryFocalCrossentropy(gamma=2.0)(targets, probabilities)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-4)


def test_tversky_prices_false_positives_with_alpha() -> None:
    """In Keras' own loss of this name, alpha and beta are exchanged."""
    targets = tf.constant([[[[1.0], [0.0], [0.0], [0.0]]]])
    everything = tf.fill((1, 1, 4, 1), 20.0)
    nothing = tf.fill((1, 1, 4, 1), -20.0)
    careful = Tversky(alpha=0.9, beta=0.1, smoothing=1e-6)
    # One found, three false: 1 − 1 / (1 + 0.9·3).
    assert float(careful.of_logits(targets, everything)[0]) == pytest.approx(1 - 1 / 3.7, rel=1e-4)
    generous = Tversky(alpha=0.1, beta=0.9, smoothing=1e-6)
    assert float(generous.of_logits(targets, everything)[0]) == pytest.approx(1 - 1 / 1.3, rel=1e-4)
    assert float(generous.of_logits(targets, nothing)[0]) == pytest.approx(1, rel=1e-4)


def test_overlap_is_of_each_image_and_not_of_the_batch() -> None:
    """One image with a large object that is found, one with a small object that is missed."""
    masks = np.zeros((2, 8, 8, 1))
    masks[0, :6] = 1
    masks[1, 0, :2] = 1
    logits = np.where(masks > 0, 30.0, -30.0)
    logits[1] = -30
    loss = Dice(smoothing=1e-6)
    found, missed = loss.of_logits(*tensors(masks, logits)).numpy()
    assert found == pytest.approx(0, abs=1e-4)
    assert missed == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("loss", [Dice(), SoftJaccard(), Tversky()], ids=["Dice", "Jaccard", "Tversky"])
def test_an_empty_mask_left_empty_costs_nothing(loss: SegmentationLoss) -> None:
    assert float(loss.of_logits(tf.zeros((1, 8, 8, 1)), tf.fill((1, 8, 8, 1), -30.0))[0]) == pytest.approx(0, abs=1e-6)


def test_many_pixels_do_not_lose_precision() -> None:
    """Sums over 1024×1024 pixels, of which 0.1 % are foreground."""
    random = np.random.default_rng(1)
    masks = (random.random((1, 1024, 1024, 1)) < 1e-3).astype(np.float64)
    logits = random.normal(-4, 2, masks.shape)
    targets, values = tensors(masks, logits)
    for name in ("cross-entropy", "focal", "Dice", "soft Jaccard", "Tversky"):
        loss, expected, parameters = CASES[name]
        wanted = expected(masks[0], logits[0], **parameters)
        assert float(loss.of_logits(targets, values)[0]) == pytest.approx(wanted, rel=1e-4)


# === Specification, saving ===

SPECS = {
    "focal": LossSpec(focal_gamma=1.0),
    "balanced focal": LossSpec(class_balance=ClassBalance.FIXED, focal_alpha=0.7),
    "cross-entropy": LossSpec(kind=LossKind.CROSS_ENTROPY, class_balance=ClassBalance.FIXED, positive_weight=3.0),
    "dice": LossSpec(kind=LossKind.DICE, smoothing=0.5),
    "cross-entropy and dice": LossSpec(kind=LossKind.CROSS_ENTROPY_DICE),
    "tversky": LossSpec(kind=LossKind.TVERSKY, tversky_alpha=0.6, tversky_beta=0.1),
    "focal tversky": LossSpec(kind=LossKind.FOCAL_TVERSKY, focal_tversky_gamma=1.2),
    "lovasz": LossSpec(kind=LossKind.LOVASZ),
    "jaccard": LossSpec(kind=LossKind.JACCARD),
    "sum": LossSpec(kind=LossKind.WEIGHTED_SUM, focal_weight=0.5, lovasz_weight=2.0, dice_weight=0.25),
}


def test_every_kind_can_be_made() -> None:
    assert {spec.kind for spec in SPECS.values()} == set(LossKind)


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_configuration_round_trip(spec: LossSpec) -> None:
    loss = make_loss(spec)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    targets, values = tensors(*images())
    np.testing.assert_array_equal(again.of_logits(targets, values).numpy(), loss.of_logits(targets, values).numpy())
    assert make_loss(LossSpec.model_validate_json(spec.model_dump_json())).get_config() == loss.get_config()


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_a_model_compiled_with_it_is_saved_and_loaded_safely(spec: LossSpec, tmp_path: Path) -> None:
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid")(inputs))
    model.compile(optimizer="sgd", loss=make_loss(spec))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.loss.get_config() == make_loss(spec).get_config()


def test_parameters_reach_the_loss() -> None:
    masks, logits = images()
    targets, values = tensors(masks, logits)

    def value(name: str) -> np.ndarray:
        result: np.ndarray = make_loss(SPECS[name]).of_logits(targets, values).numpy()
        return result

    def expected(function: Callable[..., float], **parameters: float) -> list[float]:
        return [function(mask, image, **parameters) for mask, image in zip(masks, logits, strict=True)]

    np.testing.assert_allclose(value("focal"), expected(reference.focal, gamma=1.0), rtol=1e-4)
    np.testing.assert_allclose(value("balanced focal"), expected(reference.focal, alpha=0.7), rtol=1e-4)
    np.testing.assert_allclose(
        value("cross-entropy"), expected(reference.cross_entropy, positive_weight=3.0), rtol=1e-4
    )
    np.testing.assert_allclose(value("dice"), expected(reference.dice, smoothing=0.5), rtol=1e-4)
    np.testing.assert_allclose(value("tversky"), expected(reference.tversky, alpha=0.6, beta=0.1), rtol=1e-4)
    np.testing.assert_allclose(value("focal tversky"), expected(reference.focal_tversky, gamma=1.2), rtol=1e-4)
    summed = (
        0.5 * np.array(expected(reference.focal))
        + 2 * np.array(expected(reference.lovasz_hinge))
        + 0.25 * np.array(expected(reference.dice))
    )
    np.testing.assert_allclose(value("sum"), summed, rtol=1e-4)
    both = np.array(expected(reference.cross_entropy)) + np.array(expected(reference.dice))
    np.testing.assert_allclose(value("cross-entropy and dice"), both, rtol=1e-4)


def test_a_sum_needs_a_weight_for_each_term() -> None:
    with pytest.raises(ValueError, match="Invalid weights: received 1 for 2 losses"):
        WeightedSum(terms=[Dice(), Focal()], weights=[1.0])


def test_a_balance_that_is_still_open_is_refused() -> None:
    spec = LossSpec(class_balance=ClassBalance.FROM_DATA)
    with pytest.raises(ValueError, match="from-data"):
        make_loss(spec)
    loss = make_loss(spec.balanced(0.1))
    assert isinstance(loss, Focal)
    assert loss.alpha == pytest.approx(0.9)
    assert math.isclose(spec.balanced(0.1).positive_weight, 9)
