"""How training images are varied on the fly."""

from __future__ import annotations

from pydantic import Field

from app.domain.spec import Spec


class AugmentationSpec(Spec):
    """Random changes of the training images; those of position change the mask alike. All are off to begin with."""

    rotate90: bool = Field(
        False,
        title="Quarter turns",
        description="Rotate by 0°, 90°, 180° or 270° (images that are not square: 0° or 180°).",
    )
    flip: bool = Field(
        False, title="Flips", description="Mirror left and right, up and down, each in half of the cases."
    )
    probability: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Probability",
        description="In which share of the cases each of the changes below is made.",
        json_schema_extra={"advanced": True},
    )
    rotation_degrees: float = Field(
        0.0,
        ge=0,
        le=180,
        title="Rotation",
        description="Rotate by up to this many degrees, either way. What comes in from outside is mirrored. 0: never.",
    )
    scale: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Scale",
        description="Zoom in or out by a factor of up to 1 + this. 0: never.",
    )
    elastic_pixels: float = Field(
        0.0,
        ge=0,
        le=50,
        title="Elastic deformation",
        description="Move the nodes of a grid by about this many pixels (standard deviation) and bend the image "
        "smoothly between them. 0: never.",
    )
    elastic_spacing: int = Field(
        32,
        ge=8,
        le=512,
        title="Elastic grid",
        description="Pixels between the nodes of that grid: a wider grid bends more gently.",
        json_schema_extra={"advanced": True},
    )
    brightness: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Brightness",
        description="Add up to this to all intensities, or take it away (they range from 0 to 1). 0: never.",
    )
    contrast: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Contrast",
        description="Stretch or squeeze the intensities around their mean by a factor of up to 1 + this. 0: never.",
    )
    gamma: float = Field(
        0.0,
        ge=0,
        le=2,
        title="Gamma",
        description="Raise the intensities to a power between 1 / (1 + this) and 1 + this. 0: never.",
    )
    noise: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Noise",
        description="Add Gaussian noise with a standard deviation of up to this. 0: never.",
    )
    blur_pixels: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Blur",
        description="Blur with a Gaussian of a standard deviation of up to this many pixels. 0: never.",
    )

    @property
    def is_active(self) -> bool:
        """Whether anything is changed at all."""
        return self.rotate90 or self.flip or self.warps or self.changes_intensities

    @property
    def warps(self) -> bool:
        """Whether pixels are moved by fractions of their size."""
        return max(self.rotation_degrees, self.scale, self.elastic_pixels) > 0

    @property
    def changes_intensities(self) -> bool:
        """Whether intensities are changed."""
        return max(self.brightness, self.contrast, self.gamma, self.noise, self.blur_pixels) > 0
