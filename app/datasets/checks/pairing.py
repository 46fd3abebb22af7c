"""Files that found no partner or could not be read, and pairs that only their order holds together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from app.datasets.checks.wording import count, listed
from app.datasets.pairing.outcome import Problem, ProblemCode
from app.domain.data_findings import DataFinding, DataFindingCode, DataSeverity

_CODES: Mapping[ProblemCode, DataFindingCode] = {
    ProblemCode.MISSING_MASK: DataFindingCode.MISSING_MASK,
    ProblemCode.MISSING_IMAGE: DataFindingCode.MISSING_IMAGE,
    ProblemCode.DUPLICATE_STEM: DataFindingCode.DUPLICATE_NAME,
    ProblemCode.SIZE_MISMATCH: DataFindingCode.SIZE_MISMATCH,
    ProblemCode.PAGES_MISMATCH: DataFindingCode.SIZE_MISMATCH,
    ProblemCode.UNREADABLE_IMAGE: DataFindingCode.UNREADABLE,
    ProblemCode.UNREADABLE_MASK: DataFindingCode.UNREADABLE,
    ProblemCode.MASK_TYPE_MISMATCH: DataFindingCode.UNREADABLE,
    ProblemCode.UNSUPPORTED_FILE: DataFindingCode.UNREADABLE,
    ProblemCode.TOO_LARGE: DataFindingCode.UNREADABLE,
    ProblemCode.OUTSIDE_ROOT: DataFindingCode.UNREADABLE,
    ProblemCode.BAD_ROW: DataFindingCode.UNREADABLE,
    ProblemCode.EDIT_WITHOUT_ITEM: DataFindingCode.UNREADABLE,
}

_WORDS: Mapping[DataFindingCode, tuple[str, str, str]] = {
    DataFindingCode.MISSING_MASK: ("Images without a mask", "image", "has no mask of its name"),
    DataFindingCode.MISSING_IMAGE: ("Masks without an image", "mask", "has no image of its name"),
    DataFindingCode.DUPLICATE_NAME: ("Names that occur twice", "name", "is ambiguous"),
    DataFindingCode.SIZE_MISMATCH: ("Pairs of different size", "pair", "differs in size or pages"),
    DataFindingCode.UNREADABLE: ("Files that cannot be used", "file", "cannot be used"),
}

#: Share of files left out from which a set is no longer what was collected.
SERIOUS_SHARE = 0.1

_FEWEST_PAIRS = 4
_SUSPICIOUS_SHARE = 0.9
_DIGITS = re.compile(r"\d+")
_WORDS_OF_NAME = re.compile(r"[A-Za-z]{2,}|\d{3,}")


def check_pairing(problems: Sequence[Problem], *, pairs: int) -> list[DataFinding]:
    """Tell which files are in no item, by reason.

    Serious from a tenth of the files on, else worth knowing: the rest is usable.

    Parameters
    ----------
    pairs : int
        Pairs that were found.
    """
    by_code: dict[DataFindingCode, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_code[_CODES[problem.code]].append(problem)
    findings = []
    for code, members in by_code.items():
        title, noun, predicate = _WORDS[code]
        share = len(members) / (len(members) + pairs)
        one = len(members) == 1
        plural = predicate.replace("has", "have").replace("is ", "are ").replace("differs", "differ")
        findings.append(
            DataFinding(
                code=code,
                severity=DataSeverity.SERIOUS if share >= SERIOUS_SHARE else DataSeverity.WORTH_KNOWING,
                title=title,
                message=(
                    f"{count(len(members), noun)} {predicate if one else plural} and "
                    f"{'was' if one else 'were'} left out: {listed([problem.name for problem in members])}."
                ),
                fix="The list of files that were left out says for each what to do; then register the folder again.",
                items=tuple(problem.name for problem in members),
                value=share,
                threshold=SERIOUS_SHARE,
                evidence={"reasons": [problem.message for problem in members[:20]]},
                source="serious from a tenth of the pairs on (choice)",
            )
        )
    return findings


def check_names_by_order(paths: Sequence[tuple[str, str]]) -> list[DataFinding]:
    """Tell whether images and masks share nothing but a running number, as a listing by order leaves behind.

    Parameters
    ----------
    paths : sequence of (image path, mask path)
        Of the pairs, relative to the root.
    """
    if len(paths) < _FEWEST_PAIRS:
        return []
    suspicious = [image for image, mask in paths if _share_only_a_number(image, mask)]
    share = len(suspicious) / len(paths)
    if share < _SUSPICIOUS_SHARE:
        return []
    return [
        DataFinding(
            code=DataFindingCode.NAMES_BY_ORDER,
            severity=DataSeverity.WORTH_KNOWING,
            title="Names that only count",
            message=(
                f"{count(len(suspicious), 'pair')} of {len(paths)} {'has' if len(suspicious) == 1 else 'have'} nothing "
                "in common but a running number. If images and masks were numbered in the order of two listings, the "
                "pairs may be wrong without any name telling."
            ),
            fix="Look at some pairs in the gallery. Keep the microscope's names, and name masks after their images.",
            items=tuple(PurePosixPath(image).stem for image in suspicious),
            value=share,
            threshold=_SUSPICIOUS_SHARE,
            source="names without a word or longer number of their own (choice)",
        )
    ]


def _share_only_a_number(image: str, mask: str) -> bool:
    first, second = PurePosixPath(image).stem, PurePosixPath(mask).stem
    if not _DIGITS.search(first) or not _DIGITS.search(second):
        return False
    common = set(_WORDS_OF_NAME.findall(first.lower())) & set(_WORDS_OF_NAME.findall(second.lower()))
    generic = {"img", "image", "images", "mask", "masks", "frame", "slice", "label", "labels"}
    return not {word for word in common - generic if not word.isdigit() or len(word.lstrip("0")) > 2}
