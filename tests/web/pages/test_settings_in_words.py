"""The configuration of a run as its page shows it."""

from __future__ import annotations

from typing import Any

from app.domain.configuration import RunConfig
from app.domain.loss_spec import LossKind, LossSpec
from app.domain.network_spec import NetworkSpec
from app.domain.presets import report_preset
from app.web.pages.settings_in_words import settings_in_words


def shown(config: RunConfig) -> dict[str, dict[str, str]]:
    return {section.title: {item.title: item.text for item in section.shown} for section in settings_in_words(config)}


def config(**sections: Any) -> RunConfig:
    (first, *_) = report_preset(1).run_configs(training_items=65)
    return first.model_copy(update=sections)


def test_settings_have_the_titles_and_words_of_the_form() -> None:
    words = shown(config())
    assert words["Model"] == {"Architecture": "UNet", "Learning rate": "0.001", "Batch size": "8"}
    assert words["Network"]["Normalisation"] == "Batch normalisation"
    assert words["Network"]["Batch-norm momentum"] == "0.99"
    assert words["Loss"] == {"Loss": "Binary focal", "Focal γ": "2", "Class balance": "None"}
    assert words["Training"]["Epochs"] == "100"


def test_what_had_no_effect_is_out_of_sight_but_not_lost() -> None:
    run = config(
        network=NetworkSpec(batchnorm_momentum=0.9, normalisation="group", deep_supervision=True, dropout=0.1),
        loss=LossSpec(kind=LossKind.TVERSKY),
    )
    words = shown(run)
    assert "Batch-norm momentum" not in words["Network"]
    # Advanced, but changed.
    assert words["Network"]["Deep supervision"] == "on"
    assert words["Network"]["Dropout"] == "0.1"
    assert "Spatial dropout" not in words["Network"]
    assert set(words["Loss"]) == {"Loss", "Tversky α", "Tversky β"}
    sections = settings_in_words(run)
    for section, settings in zip(sections, run.model_dump().values(), strict=True):
        assert len(section.shown) + len(section.others) == len(settings)
