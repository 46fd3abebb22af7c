"""The reference histories: states that fit their labels, and the arithmetic of the report's three runs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from app.diagnosis.diagnose import Diagnosis, diagnose
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.importing import decode_history, parse_history
from app.diagnosis.state import HistoryState
from app.domain.findings import FindingCode, Severity

HISTORIES = Path(__file__).parents[3] / "shared" / "data" / "histories"
pytestmark = pytest.mark.skipif(not HISTORIES.is_dir(), reason=f"reference histories are absent: {HISTORIES}")

UNET = "microscope-training-20251008-unet.csv"
ATTENTION_UNET = "microscope-training-20251008-attention-unet.csv"
ATTENTION_RESUNET = "microscope-training-20251008-attention-resunet.csv"
REPORT = (UNET, ATTENTION_UNET, ATTENTION_RESUNET)

#: A validation Jaccard around the trivial baseline.
LOW = 0.2
GOOD = 0.8


def labels() -> list[dict[str, str]]:
    if not HISTORIES.is_dir():
        return []
    with (HISTORIES / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def diagnosed(name: str, **facts: int) -> Diagnosis:
    history = parse_history(decode_history((HISTORIES / name).read_bytes()))
    return diagnose(history, facts=TrainingFacts(image_height=256, image_width=256, **facts))


def values(diagnosis: Diagnosis, argument: str) -> dict[str, Any]:
    return diagnosis.model_dump(mode="json")["forensics"][argument]  # type: ignore[no-any-return]


@pytest.mark.parametrize("row", labels(), ids=lambda row: row["name"])
def test_the_state_fits_the_label(row: dict[str, str]) -> None:
    diagnosis = diagnosed(row["name"])
    best = float(row["best"])
    if row["label"] == "collapsed":
        assert diagnosis.state is HistoryState.COLLAPSED
        assert FindingCode.COLLAPSE in {one.code for one in diagnosis.findings if one.is_open}
    elif row["label"] == "held" and best >= GOOD:
        assert diagnosis.state in {HistoryState.HEALTHY, HistoryState.RECOVERED}
        assert {one.severity for one in diagnosis.findings if one.is_open} <= {Severity.INFO}
    elif row["label"] == "held" and best < LOW:
        assert diagnosis.state in {HistoryState.AT_BASELINE, HistoryState.NEVER_LEARNED}
    else:
        assert diagnosis.state is not HistoryState.COLLAPSED
    assert (diagnosis.epochs, diagnosis.best_epoch) == (int(row["epochs"]), int(row["best_epoch"]))
    assert diagnosis.end_val_jaccard == pytest.approx(float(row["last3_median"]), rel=1e-4)


def test_a_slow_start_is_closed_with_both_epochs() -> None:
    diagnosis = diagnosed("hyperparameter-optimization-20250927-exp-24-attention-unet-lr0.005-bs32.csv")
    assert diagnosis.state is HistoryState.RECOVERED
    collapse = next(one for one in diagnosis.findings if one.code is FindingCode.COLLAPSE)
    assert (collapse.epoch, collapse.until_epoch) == (1, 11)


@pytest.mark.parametrize("name", [UNET, ATTENTION_UNET])
def test_the_floor_is_an_empty_prediction(name: str) -> None:
    floor = values(diagnosed(name), "floor_inversion")
    assert floor["epsilon"] == 1e-7
    assert floor["foreground_pixels"] == pytest.approx(66_732, abs=1)
    assert floor["certainty"] == "proved"


@pytest.mark.parametrize("name", REPORT)
def test_the_peak_was_painting_everything(name: str) -> None:
    diagnosis = diagnosed(name)
    plateau = values(diagnosis, "foreground_plateau")
    assert plateau["value"] == pytest.approx(0.1273, abs=1e-4)
    assert plateau["best_epoch"] <= 4
    assert plateau["best_epoch_is_meaningless"] is True
    never = next(one for one in diagnosis.findings if one.code is FindingCode.NEVER_BEAT_BASELINE)
    assert never.is_open
    assert never.severity is Severity.SERIOUS


@pytest.mark.parametrize("name", REPORT)
def test_there_were_eight_validation_images(name: str) -> None:
    size = values(diagnosed(name), "validation_size")
    assert (size["images"], size["pixels"], size["certainty"]) == (8, 524_288, "proved")


def test_without_the_image_size_what_fits_is_listed() -> None:
    history = parse_history((HISTORIES / UNET).read_text())
    fits = values(diagnose(history), "validation_size")["fits"]
    assert {"image_size": 256, "images": 8} in fits
    assert {"image_size": 512, "images": 2} in fits


@pytest.mark.parametrize("name", REPORT)
def test_a_tenth_of_the_mask_pixels_is_fractional(name: str) -> None:
    masks = values(diagnosed(name), "fractional_masks")
    assert masks["share"] == pytest.approx(0.1, abs=0.004)
    if name == UNET:
        assert masks["accuracy_empty"] == pytest.approx(0.8187, abs=1e-4)
        assert masks["accuracy_all_foreground"] == pytest.approx(0.0814, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "batch_size", "steps"), [(UNET, 8, 9), (ATTENTION_UNET, 16, 5), (ATTENTION_RESUNET, 16, 5)]
)
def test_the_moving_statistics_are_suspected(name: str, batch_size: int, steps: int) -> None:
    pattern = values(diagnosed(name), "moving_statistics")
    assert (pattern["suspected"], pattern["certainty"]) == (True, "possible")
    known = values(diagnosed(name, training_items=65, batch_size=batch_size), "moving_statistics")
    assert (known["suspected"], known["steps_per_epoch"], known["certainty"]) == (True, steps, "likely")
    assert 80 <= known["updates"] <= 171


def test_two_validation_batches_are_told_apart() -> None:
    """The same set, validated in batches of 32 (one) and of 8 (two): floors that differ, and one explanation."""
    one = diagnosed("hyperparameter-optimization-20250926-exp-15-attention-unet-lr0.0001-bs32.csv")
    two = diagnosed("hyperparameter-optimization-20250926-exp-22-attention-unet-lr0.005-bs8.csv")
    foreground = values(one, "floor_inversion")["foreground_pixels"]
    assert values(one, "batch_means")["is_mean_over_batches"] is False
    assert values(two, "batch_means")["batches_at_most"] == 2
    assert sum(values(two, "batch_means")["batch_foreground_pixels"]) == pytest.approx(foreground, rel=1e-3)
    assert values(two, "validation_size")["images"] == values(one, "validation_size")["images"] == 15
