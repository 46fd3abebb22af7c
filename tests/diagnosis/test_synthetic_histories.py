"""The state against the rule that labels the reference histories, over every kind of history."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagnosis.diagnose import Diagnosis, diagnose
from app.diagnosis.forensics.facts import TrainingFacts
from app.diagnosis.history_table import HistoryTable
from app.diagnosis.state import HistoryState
from app.domain.findings import FindingCode, Severity
from benchmarks.synthetic_histories import GOOD, Kind, Label, SyntheticHistory, histories, history, label_of

WELL = {HistoryState.HEALTHY, HistoryState.RECOVERED}


def diagnosed(one: SyntheticHistory) -> Diagnosis:
    return diagnose(HistoryTable.from_csv_columns(one.columns))


def assert_agrees(diagnosis: Diagnosis, label: Label) -> None:
    open_findings = [one for one in diagnosis.findings if one.is_open]
    serious = {one.code for one in open_findings if one.severity is Severity.SERIOUS}
    if label is Label.COLLAPSED:
        assert diagnosis.best_val_jaccard is not None
        never = diagnosis.state is HistoryState.NEVER_LEARNED and diagnosis.best_val_jaccard < 0.001
        assert diagnosis.state is HistoryState.COLLAPSED or never
    else:
        assert diagnosis.state is not HistoryState.COLLAPSED
    if diagnosis.state is HistoryState.COLLAPSED:
        assert FindingCode.COLLAPSE in serious
    if diagnosis.state in WELL:
        assert label is Label.HELD
        assert not serious


@settings(deadline=None, max_examples=300)
@given(kind=st.sampled_from(Kind), seed=st.integers(0, 2**32))
def test_the_state_never_contradicts_the_label(kind: Kind, seed: int) -> None:
    one = history(kind, random=np.random.default_rng(seed))
    assert_agrees(diagnosed(one), one.label)


scores = st.one_of(
    st.sampled_from([0.0, 1.5e-12, 1e-5, 0.0009, 0.001, 0.127, 0.13, 0.2, 0.8, 0.92, 1.0]), st.floats(0, 1)
)


@settings(deadline=None, max_examples=300)
@given(rows=st.lists(st.tuples(scores, scores, scores), min_size=1, max_size=30))
def test_whatever_the_numbers_are(rows: list[tuple[float, float, float]]) -> None:
    training, validation, accuracy = (list(column) for column in zip(*rows, strict=True))
    columns = {"jaccard": training, "val_jaccard": validation, "val_accuracy": accuracy}
    assert_agrees(diagnose(HistoryTable.from_csv_columns(columns)), label_of(validation))


anything = st.none() | st.floats() | st.sampled_from([1e308, -1e308, 5e-324, 1e-20, 2.0, 0.5])


@settings(deadline=None, max_examples=300)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(["loss", "val_loss", "jaccard", "val_jaccard", "val_accuracy", "learning_rate"], anything)
        ),
        max_size=12,
    ),
    facts=st.sampled_from([TrainingFacts(), TrainingFacts(64, 64, 3, 65, 8), TrainingFacts(batchnorm_momentum=0.99)]),
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_no_numbers_crash_it_and_the_answer_is_json(rows: list[dict[str, float | None]], facts: TrainingFacts) -> None:
    diagnosis = diagnose(HistoryTable.from_rows(rows), facts=facts)
    text = json.dumps(diagnosis.model_dump(mode="json"), allow_nan=False)
    assert json.loads(text)["state"] == diagnosis.state


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_a_slow_start_that_arrives_ends_without_an_alarm(seed: int) -> None:
    one = history(Kind.SLOW_START, random=np.random.default_rng(seed))
    if one.label is not Label.HELD or max(one.validation) < GOOD:
        return
    diagnosis = diagnosed(one)
    assert diagnosis.state in WELL
    assert all(finding.severity is Severity.INFO for finding in diagnosis.findings if finding.is_open)
    for finding in diagnosis.findings:
        assert finding.is_open or finding.until_epoch is not None


@settings(deadline=None, max_examples=100)
@given(kind=st.sampled_from([Kind.HEALTHY, Kind.LATE_DIPS, Kind.LAST_EPOCH_DIPS, Kind.RECOVERY]), seed=st.integers(0))
def test_what_held_a_good_level_ends_without_a_warning(kind: Kind, seed: int) -> None:
    one = history(kind, random=np.random.default_rng(seed))
    if one.label is not Label.HELD or max(one.validation) < GOOD:
        return
    diagnosis = diagnosed(one)
    assert diagnosis.state in WELL
    assert not [
        finding.code
        for finding in diagnosis.findings
        if finding.is_open and finding.severity is not Severity.INFO and finding.code is not FindingCode.INSTABILITY
    ]


@pytest.mark.parametrize(
    ("validation", "label"),
    [
        ([0.9, 0.9, 0.9], Label.HELD),
        ([1.0, 0.8, 0.8, 0.1], Label.HELD),
        ([1.0, 0.79, 0.79, 0.79], Label.AMBIGUOUS),
        ([1.0, 0.2, 0.2], Label.AMBIGUOUS),
        ([1.0, 0.19, 0.19], Label.COLLAPSED),
        ([0.0009] * 5, Label.COLLAPSED),
        ([0.5], Label.HELD),
        ([1.0, 0.0], Label.AMBIGUOUS),
    ],
)
def test_the_labels_own_rule(validation: list[float], label: Label) -> None:
    assert label_of(validation) is label


def test_the_generator_makes_every_kind_and_label_and_repeats_itself() -> None:
    made = list(histories(5 * len(Kind), seed=3))
    assert {one.kind for one in made} == set(Kind)
    assert {one.label for one in made} == set(Label)
    assert [one.columns for one in made] == [one.columns for one in histories(5 * len(Kind), seed=3)]
    assert all(math.isfinite(value) for one in made for column in one.columns.values() for value in column)
