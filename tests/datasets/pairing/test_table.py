"""A CSV names the pairs; whatever is in it stays inside the dataset's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.pairing.layout import find_pairs
from app.datasets.pairing.outcome import Pairing
from app.datasets.pairing.table import is_table
from app.domain.dataset_import import ImportSpec, Layout
from app.domain.errors import InvalidInputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    for name in ("a.png", "b.png", "m/a.png", "m/b.png", "deep/a.png", "<b>&.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    (tmp_path / "secret.png").write_bytes(b"")
    return folder


def pair(folder: Path, text: str | bytes, *, table: str = "pairs.csv") -> Pairing:
    (folder / table).write_bytes(text if isinstance(text, bytes) else text.encode())
    return find_pairs(folder, ImportSpec(layout=Layout.TABLE, table=table))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_pairs_with_groups(folder: Path, delimiter: str, start: bytes) -> None:
    rows = [["Group", "note", "IMAGE", " Mask "], ["day 1", "x", "b.png", "m/b.png"], ["", "", "./a.png", "m\\a.png"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    pairing = pair(folder, start + text.encode())
    assert [(source.name, source.group, source.image_path, source.mask_path) for source in pairing.pairs] == [
        ("a", "a", "a.png", "m/a.png"),
        ("b", "day 1", "b.png", "m/b.png"),
    ]
    assert pairing.problems == ()


def test_paths_are_relative_to_the_table(folder: Path) -> None:
    pairing = pair(folder, "image,mask\n../a.png,a.png\n", table="m/pairs.csv")
    assert [(source.image_path, source.mask_path) for source in pairing.pairs] == [("a.png", "m/a.png")]


def test_equal_names_are_told_apart_by_their_folders(folder: Path) -> None:
    pairing = pair(folder, "image,mask\na.png,m/a.png\ndeep/a.png,m/a.png\nb.png,m/b.png\nb.png,m/a.png\n")
    assert [source.name for source in pairing.pairs] == ["a", "b", "deep/a"]
    assert [(problem.code.value, problem.name) for problem in pairing.problems] == [("duplicate-stem", "b")]
    assert "line 5" in pairing.problems[0].message


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("../secret.png", "outside-root"),
        ("/etc/passwd", "outside-root"),
        ("..\\secret.png", "outside-root"),
        ("link.png", "outside-root"),
        ("missing.png", "missing-image"),
        ("m", "missing-image"),
        ("pairs.csv", "unsupported-file"),
        ("", "bad-row"),
        ("a\0.png", "bad-row"),
        ("x" * 5000, "bad-row"),
        ("x" * 300 + ".png", "bad-row"),
    ],
)
def test_bad_rows_are_named_and_leave_the_others_alone(folder: Path, tmp_path: Path, image: str, code: str) -> None:
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    pairing = pair(folder, f"image,mask\na.png,m/a.png\n{image},m/b.png\n")
    assert [source.name for source in pairing.pairs] == ["a"]
    (problem,) = pairing.problems
    assert problem.code.value == code
    assert "expected" in problem.message
    if code != "unsupported-file":
        assert "pairs.csv, line 3" in problem.message


def test_a_missing_mask_is_told_from_a_missing_image(folder: Path) -> None:
    pairing = pair(folder, "image,mask\na.png,m/a.png\nb.png,m/none.png\nb.png\n")
    assert [problem.code.value for problem in pairing.problems] == ["missing-mask", "bad-row"]


def test_markup_is_only_text(folder: Path) -> None:
    pairing = pair(folder, 'image,mask,group\n<b>&.png,m/a.png,"<script>alert(1)</script>"\n')
    assert [(source.name, source.group) for source in pairing.pairs] == [("<b>&", "<script>alert(1)</script>")]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (b"", "an empty file"),
        (b"picture,label\na.png,m/a.png\n", "'picture', 'label', expected the columns 'image' and 'mask'"),
        (b"image,mask\n", "0 rows of which none"),
        (b"image,mask\nx.png,y.png\n", "1 rows of which none.*which is no file"),
        (b'image,mask\n"a.png,m/a.png\n', "no CSV"),
        (b"image,mask\n\xff\xfe.png,m/a.png\n", "not UTF-8"),
        (b"image,mask\n" + b"x" * 200_000 + b",m/a.png\n", "no CSV"),
    ],
)
def test_tables_that_are_none_are_refused(folder: Path, text: bytes, match: str) -> None:
    with pytest.raises(InvalidInputError, match=match) as caught:
        pair(folder, text)
    assert caught.value.fields[0].field == "import_spec.table"


@pytest.mark.parametrize("table", ["", "none.csv", "../pairs.csv", "m", "/etc/passwd"])
def test_the_table_itself_must_be_a_file_inside(folder: Path, table: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        find_pairs(folder, ImportSpec(layout=Layout.TABLE, table=table))
    assert caught.value.fields[0].field == "import_spec.table"


def test_is_table(folder: Path) -> None:
    for name, content, expected in (
        ("pairs.csv", "mask;image\n", True),
        ("measures.csv", "image,area\n", False),
        ("binary.csv", "\udcff", False),
    ):
        (folder / name).write_bytes(content.encode("utf-8", "surrogateescape"))
        assert is_table(folder / name) is expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    cells=st.lists(
        st.one_of(
            st.lists(st.sampled_from(["..", ".", "m", "a.png", "secret.png", "set", "deep"]), max_size=4).map("/".join),
            st.text(max_size=8),
        ),
        min_size=2,
        max_size=2,
    )
)
def test_whatever_a_row_says_the_pair_lies_inside(folder: Path, cells: list[str]) -> None:
    quoted = ",".join('"' + cell.encode("utf-8", "replace").decode().replace('"', '""') + '"' for cell in cells)
    pairing = pair(folder, f"image,mask\nb.png,m/b.png\n{quoted}\n")
    for source in pairing.pairs:
        for path in (source.image_path, source.mask_path):
            assert (folder / path).resolve().is_relative_to(folder)
            assert (folder / path).is_file()
