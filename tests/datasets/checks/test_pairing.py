from __future__ import annotations

import pytest

from app.datasets.checks.pairing import check_names_by_order, check_pairing
from app.datasets.pairing.outcome import Problem, ProblemCode
from app.domain.data_findings import DataFindingCode, DataSeverity


@pytest.mark.parametrize("code", list(ProblemCode))
def test_every_reason_becomes_a_finding_that_names_the_file(code: ProblemCode) -> None:
    (finding,) = check_pairing([Problem("a.png", code, "why")], pairs=100)
    assert finding.items == ("a.png",)
    assert finding.severity is DataSeverity.WORTH_KNOWING
    assert finding.evidence["reasons"] == ["why"]


def test_reasons_are_gathered_and_many_are_serious() -> None:
    problems = [Problem(f"{number}.png", ProblemCode.MISSING_MASK, "why") for number in range(3)]
    problems.append(Problem("x.png", ProblemCode.UNREADABLE_MASK, "why"))
    missing, unreadable = check_pairing(problems, pairs=20)
    assert (missing.code, missing.severity) == (DataFindingCode.MISSING_MASK, DataSeverity.SERIOUS)
    assert missing.message == "3 images have no mask of its name and were left out: 0.png, 1.png, 2.png."
    assert (unreadable.code, unreadable.severity) == (DataFindingCode.UNREADABLE, DataSeverity.WORTH_KNOWING)


def test_no_problem_no_finding() -> None:
    assert check_pairing([], pairs=3) == []


@pytest.mark.parametrize(
    ("image", "mask", "suspicious"),
    [
        ("images/{0}.png", "masks/{0}.png", True),
        ("images/img_{0:03d}.png", "masks/mask_{0:03d}.png", True),
        ("images/plate7_well_{0}.png", "masks/plate7_well_{0}.png", False),
        ("images/20250516_{0}.png", "masks/20250516_{0}.png", False),
        ("images/cell.png", "masks/cell.png", False),
    ],
)
def test_names_that_share_only_a_number_are_suspicious(image: str, mask: str, suspicious: bool) -> None:
    paths = [(image.format(number), mask.format(number)) for number in range(8)]
    assert bool(check_names_by_order(paths)) is suspicious


def test_a_few_pairs_prove_nothing() -> None:
    assert check_names_by_order([("images/1.png", "masks/1.png")] * 3) == []
