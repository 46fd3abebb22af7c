"""Sizes of networks that nobody has built, against the reference's figures and hand-computed values.

`tests/worker/models/test_layers_match_description.py` holds every layer against the built models.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.configuration import Architecture, ImageSpec
from app.domain.model_summary import ParameterCount, parameter_count, summarise_model, training_memory_bytes
from app.domain.network_layers import group_count
from app.domain.network_spec import NetworkSpec

REFERENCE: dict[str, Any] = {"image": ImageSpec(), "network": NetworkSpec()}


@pytest.mark.parametrize(
    ("architecture", "channels", "expected"),
    [
        (Architecture.UNET, 3, ParameterCount(31_402_501, 11_778, 19)),
        (Architecture.ATTENTION_UNET, 3, ParameterCount(37_334_665, 15_618, 27)),
        (Architecture.ATTENTION_RESUNET, 3, ParameterCount(39_090_377, 21_506, 36)),
        (Architecture.UNET, 1, ParameterCount(31_401_349, 11_778, 19)),
        (Architecture.ATTENTION_UNET, 1, ParameterCount(37_333_513, 15_618, 27)),
        (Architecture.ATTENTION_RESUNET, 1, ParameterCount(39_089_097, 21_506, 36)),
    ],
)
def test_parameters_of_the_reference(architecture: Architecture, channels: int, expected: ParameterCount) -> None:
    assert (
        parameter_count(architecture=architecture, image=ImageSpec(channels=channels), network=NetworkSpec())
        == expected
    )
    assert expected.trainable == expected.total - expected.non_trainable


def test_memory_grows_with_batch_and_image_but_weights_do_not() -> None:
    def memory(batch_size: int, side: int) -> int:
        return training_memory_bytes(
            architecture=Architecture.UNET,
            image=ImageSpec(height=side, width=side),
            network=NetworkSpec(),
            batch_size=batch_size,
        )

    weights = 4 * (31_402_501 + 3 * (31_402_501 - 11_778))
    assert memory(2, 256) - weights == 2 * (memory(1, 256) - weights)
    assert memory(1, 512) - weights == 4 * (memory(1, 256) - weights)


def test_the_receptive_field_of_the_unet() -> None:
    """By hand, for two levels: 3×3 twice (5), pooling (6), 3×3 twice at stride 2 (14), 3×3 twice at stride 1 (18)."""
    summary = summarise_model(architecture=Architecture.UNET, image=ImageSpec(), network=NetworkSpec(levels=2))
    assert summary.receptive_field == 18
    deeper = [
        summarise_model(
            architecture=Architecture.UNET, image=ImageSpec(), network=NetworkSpec(levels=levels)
        ).receptive_field
        for levels in range(2, 7)
    ]
    assert deeper == [18, 44, 96, 200, 408]


def test_flops_are_those_of_the_convolutions() -> None:
    """By hand, for 2 levels of 2 filters at 32×32×1."""
    image, network = ImageSpec(height=32, width=32, channels=1), NetworkSpec(base_filters=2, levels=2)
    full, half = 32 * 32, 16 * 16
    encoder = full * 9 * (1 * 2 + 2 * 2) + half * 9 * (2 * 4 + 4 * 4)
    decoder = full * (9 * (6 * 2 + 2 * 2) + 2)
    summary = summarise_model(architecture=Architecture.UNET, image=image, network=network)
    assert summary.flops == 2 * (encoder + decoder)


def test_an_image_that_cannot_be_halved_is_computed_at_the_next_size_that_can() -> None:
    odd = summarise_model(architecture=Architecture.UNET, image=ImageSpec(height=250, width=256), network=NetworkSpec())
    even = summarise_model(architecture=Architecture.UNET, **REFERENCE)
    assert odd.padded_size == (256, 256)
    assert even.padded_size is None
    assert odd.flops == even.flops
    assert odd.parameters == even.parameters


def test_only_batch_normalisation_has_weights_that_are_not_trained() -> None:
    def count(**network: Any) -> ParameterCount:
        return parameter_count(
            architecture=Architecture.UNET, image=ImageSpec(), network=NetworkSpec(base_filters=4, **network)
        )

    batch, group, none = (count(normalisation=name) for name in ("batch", "group", "none"))
    assert (group.non_trainable, group.batchnorm_layers) == (0, 0)
    # The head's own batch normalisation is left out with the others.
    assert batch.trainable - group.trainable == 2
    assert batch.total - count(final_batchnorm=False).total == 4
    assert none.total == batch.total - 2 * batch.non_trainable
    assert count(normalisation="layer") == group


@pytest.mark.parametrize(("channels", "groups", "expected"), [(64, 8, 8), (2, 8, 2), (12, 8, 6), (7, 4, 1), (3, 1, 1)])
def test_groups_divide_the_channels(channels: int, groups: int, expected: int) -> None:
    assert group_count(channels, groups) == expected
