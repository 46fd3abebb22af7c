"""What a model is before it is trained, for pages and the API."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.domain.configuration import Architecture, ImageSpec
from app.domain.model_summary import ModelSummary, summarise_model
from app.domain.network_spec import NetworkSpec
from app.domain.spec import Spec


class ModelDescription(Spec):
    """The settings on which a model's size depends."""

    architecture: Architecture = Architecture.UNET
    image: ImageSpec = Field(default_factory=ImageSpec)
    network: NetworkSpec = Field(default_factory=NetworkSpec)

    def summarise(self) -> ModelSummary:
        """Summarise the model without building it."""
        return summarise_model(architecture=self.architecture, image=self.image, network=self.network)


class LayerView(BaseModel):
    """One layer; `height`, `width` and `channels` are those of its output, `flops` those of one image forward."""

    name: str
    kind: str
    height: int
    width: int
    channels: int
    parameters: int
    non_trainable: int
    flops: int
    receptive_field: int


class ModelSummaryView(BaseModel):
    """A model before it is trained: exact parameters, arithmetic and memory for one image.

    `receptive_field` is the side in pixels of the square of the input on which one pixel of the output depends.
    `flops` counts the convolutions of one forward pass, two for each multiply-add. `activation_bytes` are the outputs
    of all layers in float32. `padded_height` and `padded_width` are the size inside the network, where the image has to
    be padded.
    """

    architecture: Architecture
    parameters: int
    trainable: int
    batchnorm_layers: int
    receptive_field: int
    flops: int
    activation_bytes: int
    weight_bytes: int
    padded_height: int | None
    padded_width: int | None
    layers: list[LayerView]


def view_of(description: ModelDescription) -> ModelSummaryView:
    """Return a model's summary as the API answers it."""
    summary = description.summarise()
    height, width = summary.padded_size or (None, None)
    return ModelSummaryView(
        architecture=description.architecture,
        parameters=summary.parameters.total,
        trainable=summary.parameters.trainable,
        batchnorm_layers=summary.parameters.batchnorm_layers,
        receptive_field=summary.receptive_field,
        flops=summary.flops,
        activation_bytes=summary.activation_bytes,
        weight_bytes=summary.weight_bytes,
        padded_height=height,
        padded_width=width,
        layers=[
            LayerView(
                name=layer.name,
                kind=layer.kind.value,
                height=layer.height,
                width=layer.width,
                channels=layer.channels,
                parameters=layer.weights,
                non_trainable=layer.non_trainable,
                flops=2 * layer.multiply_adds,
                receptive_field=layer.receptive_field,
            )
            for layer in summary.layers
        ],
    )
