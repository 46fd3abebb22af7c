from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.corrections import Correction, DatasetEdits
from app.domain.dataset_import import ImportSpec, MaskRule, MaskSpec, TilingSpec
from app.domain.version_changes import describe_changes

NONE = DatasetEdits()
SPEC = ImportSpec()


def changes(old: DatasetEdits, new: DatasetEdits) -> list[str]:
    return describe_changes(old, new, before=SPEC, after=SPEC)


def edits(*dropped: str, **corrected: Correction) -> DatasetEdits:
    return DatasetEdits(dropped=frozenset(dropped), corrected=corrected)


def test_a_version_without_changes_says_nothing() -> None:
    assert changes(edits("a", b=Correction(invert_mask=True)), edits("a", b=Correction(invert_mask=True))) == []


def test_items_that_go_and_come_back_are_named() -> None:
    assert changes(edits("a"), edits("b", "c")) == ["2 items left out: b, c.", "1 item taken back in: a."]


def test_many_names_are_cut_short() -> None:
    (sentence,) = changes(NONE, edits(*"abcde"))
    assert sentence == "5 items left out: a, b, c and 2 more."


def test_corrections_of_one_kind_are_one_sentence() -> None:
    shifted = Correction(shift_mask=(-5, 3))
    sentences = changes(NONE, edits(a=shifted, b=shifted, c=Correction(invert_mask=True, mask_threshold=10.5)))
    assert sentences == [
        "1 item mask cut at 10.5: c.",
        "1 item mask inverted: c.",
        "2 items mask shifted by (-5, 3) px: a, b.",
    ]


def test_a_correction_that_is_taken_back_is_said() -> None:
    old = edits(a=Correction(shift_mask=(2, 0), invert_mask=True, mask_threshold=1))
    assert changes(old, NONE) == [
        "1 item mask cut by the set's rule again: a.",
        "1 item mask no longer inverted: a.",
        "1 item mask no longer shifted: a.",
    ]


def test_changed_import_settings_are_said() -> None:
    after = ImportSpec(
        group_pattern="^(.*)_",
        mask=MaskSpec(rule=MaskRule.LABELS, foreground_labels=(2, 3)),
        tiling=TilingSpec(size=256),
    )
    sentences = describe_changes(NONE, NONE, before=SPEC, after=after)
    assert sentences == [
        "Setting 'group_pattern' changed from '' to '^(.*)_'.",
        "Mask rule changed from auto to labels (2, 3).",
        "Cut into tiles of 256 px.",
    ]


corrections = st.builds(
    Correction,
    mask_threshold=st.none() | st.floats(0, 255),
    invert_mask=st.booleans(),
    shift_mask=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
)
any_edits = st.builds(
    DatasetEdits,
    dropped=st.frozensets(st.sampled_from("xyz")),
    corrected=st.dictionaries(st.sampled_from("abc"), corrections.filter(lambda item: not item.is_empty)),
)


@given(any_edits, any_edits)
def test_different_edits_are_never_silent(old: DatasetEdits, new: DatasetEdits) -> None:
    assert bool(changes(old, new)) == (old != new)
