"""Layers that Keras lacks, registered so that a saved model loads in safe mode, without Lambda layers."""

from __future__ import annotations

from typing import Any

import keras

PACKAGE = "segscope"


@keras.saving.register_keras_serializable(package=PACKAGE)
class ReflectPadding(keras.layers.Layer):  # type: ignore[misc]
    """Mirror rows and columns beyond the border, without repeating the border itself.

    Parameters
    ----------
    padding : sequence of (int, int)
        Rows above and below, columns left and right; each smaller than the image.
    """

    def __init__(self, padding: tuple[tuple[int, int], tuple[int, int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        (top, bottom), (left, right) = padding
        self.padding = ((int(top), int(bottom)), (int(left), int(right)))

    def call(self, inputs: Any) -> Any:
        """Pad (batch, height, width, channels)."""
        return keras.ops.pad(inputs, ((0, 0), *self.padding, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the padded shape."""
        batch, height, width, channels = input_shape
        rows, columns = (sum(side) for side in self.padding)
        return (
            batch,
            None if height is None else height + rows,
            None if width is None else width + columns,
            channels,
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package=PACKAGE)
class DeepSupervision(keras.layers.Layer):  # type: ignore[misc]
    """Pass the first of several tensors on and keep the others in the graph.

    The first is the model's prediction, the others are what earlier decoder stages predict. So the model has one
    output for everybody, its file holds the weights of every stage, and the training finds the stages here.
    """

    def call(self, inputs: list[Any]) -> Any:
        """Return the first input."""
        return inputs[0]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Return the first shape."""
        return tuple(input_shape[0])
