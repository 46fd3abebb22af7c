"""CSV histories as people and programs write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.diagnosis.importing import MOST_BYTES, decode_history, parse_history
from app.domain.errors import InvalidInputError

PLAIN = "epoch,loss,jacard_coef,val_loss,val_jacard_coef,lr\n0,0.5,0.1,0.6,0.05,0.001\n1,0.4,0.2,0.5,1.5e-12,0.001\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace(",", ", "),
        '"' + PLAIN.rstrip().replace(",", '","').replace("\n", '"\n"') + '"\n',
        "\n" + PLAIN + "\n\n",
        PLAIN.rstrip("\n"),
        PLAIN.replace("jacard_coef", "Jaccard Index").replace("lr", "Learning-Rate"),
        PLAIN.replace("val_", "validation_").replace(",jacard", ",train_jacard"),
        PLAIN.replace("jacard_coef", "iou_score_2"),
        PLAIN.replace("epoch,", ",").replace("epoch", ""),
        PLAIN.replace("epoch,", ""),
    ],
    ids=[
        "plain",
        "byte-order-mark",
        "crlf",
        "cr",
        "semicolon",
        "tab",
        "decimal-comma",
        "spaces",
        "quoted",
        "blank-lines",
        "no-last-line-end",
        "words",
        "prefixes",
        "numbered",
        "index-column",
        "row-names",
    ],
)
def test_the_same_history_in_many_clothes(text: str) -> None:
    history = parse_history(text)
    assert history.epochs.tolist() == [1, 2]
    assert history.names == ("loss", "jaccard", "val_loss", "val_jaccard", "learning_rate")
    assert history.column("val_jaccard").tolist() == [0.05, 1.5e-12]
    assert history.column("learning_rate").tolist() == [0.001, 0.001]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(encoding: str) -> None:
    text = "loss,val_loss,µ\n0.5,0.6,1\n"
    assert parse_history(decode_history(text.encode(encoding))).column("val_loss").tolist() == [0.6]


def test_missing_is_not_nan() -> None:
    history = parse_history("loss,val_loss\n0.5,NA\n,nan\ninf,-Infinity\nNone,n/a\n")
    assert history.recorded("loss").tolist() == [True, False, True, False]
    assert history.recorded("val_loss").tolist() == [False, True, True, False]
    assert math.isnan(history.column("val_loss")[1])
    assert history.column("val_loss")[2] == -math.inf


def test_a_repeated_header_belongs_to_a_continued_training() -> None:
    history = parse_history(PLAIN + PLAIN)
    assert history.epochs.tolist() == [1, 2, 3, 4]


def test_columns_of_text_are_left_out_and_text_in_a_metric_is_an_error() -> None:
    history = parse_history("time,loss\n2025-10-08 07:49,0.5\n2025-10-08 07:50,0.4\n")
    assert history.names == ("loss",)
    with pytest.raises(InvalidInputError, match=r"'oops' in column 'loss', row 2"):
        parse_history("time,loss\n1,0.5\n2,oops\n")


def test_the_last_line_may_be_cut_off() -> None:
    history = parse_history("loss,accuracy,val_loss\n0.5,0.9,0.6\n0.4,0.9")
    assert history.column("loss").tolist() == [0.5, 0.4]
    # 0.9 may have been 0.95: a number that was cut off is no number.
    assert history.recorded("accuracy").tolist() == [True, False]
    assert history.recorded("val_loss").tolist() == [True, False]


def test_a_second_column_of_the_same_name_is_a_copy() -> None:
    assert parse_history("loss,loss\n0.5,0.7\n").column("loss").tolist() == [0.5]


def test_dice_stands_in_for_jaccard() -> None:
    history = parse_history("dice_coef,val_dice_coef\n0.8,0.5\n2.0,nan\n")
    assert history.column("jaccard")[0] == pytest.approx(0.8 / 1.2)
    assert history.column("val_jaccard")[0] == pytest.approx(1 / 3)
    assert history.recorded("val_jaccard").tolist() == [True, True]
    both = parse_history("val_dice_coef,val_iou\n0.5,0.2\n")
    assert both.column("val_jaccard").tolist() == [0.2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty file"),
        ("\n \n", "an empty file"),
        ("name,label\na,held\n", "name, label"),
        ("loss,val_loss\n0,5,0,6\n", "received 4 cells in row 1"),
        ("not a history at all", "not_a_history_at_all"),
    ],
)
def test_what_is_no_history(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        parse_history(text)


def test_a_header_alone_is_a_history_without_epochs() -> None:
    assert len(parse_history("epoch,loss,val_loss\n")) == 0


def test_what_is_no_text() -> None:
    with pytest.raises(InvalidInputError, match="a binary file"):
        decode_history(b"\x89PNG\r\n\0\0")
    with pytest.raises(InvalidInputError, match="at most 64 MB"):
        decode_history(b"a" * (MOST_BYTES + 1))


@given(st.text(max_size=200) | st.text("loss,;\t\n0123.eE-+\"'nav", max_size=200))
def test_no_text_crashes_it(text: str) -> None:
    for candidate in (text, f"loss,val_loss\n{text}"):
        try:
            parse_history(candidate)
        except InvalidInputError:
            continue
