"""What a dataset version changes against the one that it was made from, in words."""

from __future__ import annotations

from app.domain.corrections import Correction, DatasetEdits
from app.domain.dataset_import import ImportSpec

_NAMES_SHOWN = 3


def describe_changes(old: DatasetEdits, new: DatasetEdits, *, before: ImportSpec, after: ImportSpec) -> list[str]:
    """Return one sentence for each kind of change between two versions of the same files.

    Examples
    --------
    >>> describe_changes(DatasetEdits(), DatasetEdits(dropped={"a"}), before=ImportSpec(), after=ImportSpec())
    ['1 item left out: a.']
    """
    sentences = [
        _sentence("left out", new.dropped - old.dropped),
        _sentence("taken back in", old.dropped - new.dropped),
    ]
    changes: dict[str, set[str]] = {}
    for name in old.corrected.keys() | new.corrected.keys():
        earlier, later = old.corrected.get(name, Correction()), new.corrected.get(name, Correction())
        for words in _differences(earlier, later):
            changes.setdefault(words, set()).add(name)
    sentences += [_sentence(words, names) for words, names in sorted(changes.items())]
    sentences += [
        f"Setting '{key}' changed from {getattr(before, key)!r} to {getattr(after, key)!r}."
        for key in ("layout", "images", "masks", "group_pattern")
        if getattr(before, key) != getattr(after, key)
    ]
    if before.mask != after.mask:
        sentences.append(f"Mask rule changed from {before.mask.rule} to {_rule(after)}.")
    if before.tiling != after.tiling:
        tiles = "no tiles" if after.tiling is None else f"tiles of {after.tiling.size} px"
        sentences.append(f"Cut into {tiles}.")
    return [sentence for sentence in sentences if sentence]


def _rule(spec: ImportSpec) -> str:
    labels = ", ".join(str(label) for label in spec.mask.foreground_labels)
    return f"{spec.mask.rule} ({labels})" if labels else spec.mask.rule.value


def _differences(earlier: Correction, later: Correction) -> list[str]:
    words = []
    if earlier.invert_mask != later.invert_mask:
        words.append("mask inverted" if later.invert_mask else "mask no longer inverted")
    if earlier.shift_mask != later.shift_mask:
        dy, dx = later.shift_mask
        words.append(f"mask shifted by ({dy}, {dx}) px" if (dy, dx) != (0, 0) else "mask no longer shifted")
    if earlier.mask_threshold != later.mask_threshold:
        level = later.mask_threshold
        words.append("mask cut by the set's rule again" if level is None else f"mask cut at {level:g}")
    return words


def _sentence(words: str, names: frozenset[str] | set[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(sorted(names)[:_NAMES_SHOWN])
    rest = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{len(names)} item{'' if len(names) == 1 else 's'} {words}: {shown}{rest}."
