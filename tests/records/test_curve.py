"""A curve to disk and back: nothing lost, nothing half-written, nothing wrong let in."""

import errno
import os
from dataclasses import replace

import pandas
import pytest

from lengen.config.errors import UsageError
from lengen.records.curve import COLUMNS, Curve, write_csv, write_text
from report.curves import curve, row

SHARES = {5: 1.0, 10: 0.999, 20: 0.953, 40: 0.0}


def test_round_trip_is_exact(tmp_path):
    whole = curve(SHARES)
    odd = replace(
        whole.rows[0],
        task='a,b "c"\nd',
        pe="größer",
        loss=1e-300,
        token_accuracy=0.1 + 0.2,
        seconds=float("inf"),
    )
    written = Curve((odd, *whole.rows[1:]))
    written.save(tmp_path / "curve.csv")
    assert Curve.load(tmp_path / "curve.csv") == written


def test_a_curve_without_rows_goes_to_disk_and_back(tmp_path):
    Curve().save(tmp_path / "curve.csv")
    assert (tmp_path / "curve.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert Curve.load(tmp_path / "curve.csv") == Curve()


def test_pandas_reads_the_columns_with_their_types(tmp_path):
    whole = curve(SHARES)
    whole.save(tmp_path / "curve.csv")
    table = pandas.read_csv(tmp_path / "curve.csv")
    assert list(table.columns) == list(COLUMNS)
    for column, kind in table.dtypes.items():
        values = [getattr(row, column) for row in whole.rows]
        if isinstance(values[0], int):
            assert pandas.api.types.is_integer_dtype(kind), column
        elif isinstance(values[-1], float):
            assert pandas.api.types.is_float_dtype(kind), column
        else:
            assert pandas.api.types.is_string_dtype(kind), column
    assert table["exact_match"].tolist() == [row.exact_match for row in whole.rows]
    assert (
        table["first_error"].isna().tolist()
        == [row.first_error is None for row in whole.rows]
        == [True, False, False, False]
    )


def test_columns_are_those_of_the_contract():
    assert " ".join(COLUMNS) == (
        "task pe positions attention extend decoder cell seed step checkpoint decode train_length length split examples "
        "correct exact_match ci_low ci_high token_accuracy loss first_error seconds peak_bytes "
        "stopped_early ran_on never_ended wrong_token chance_exact_match chance_token_accuracy memory_bytes loops"
    )


@pytest.mark.parametrize("lengths", [[10, 5], [5, 5], [5, 10, 10], [1, 3, 2]])
def test_lengths_out_of_order_or_twice_are_refused(tmp_path, lengths):
    rows = tuple(row(length, 1.0) for length in lengths)
    with pytest.raises(ValueError, match="must be distinct and ascending"):
        Curve(rows)
    write_csv(
        tmp_path / "curve.csv", COLUMNS, [{name: getattr(each, name) for name in COLUMNS} for each in rows]
    )
    with pytest.raises(ValueError, match="must be distinct and ascending"):
        Curve.load(tmp_path / "curve.csv")


def test_rows_are_found_by_length_and_added_in_order():
    whole = curve(SHARES)
    assert whole[20].length == 20
    assert 20 in whole
    assert 21 not in whole
    assert len(whole) == 4
    with pytest.raises(KeyError, match=r"length 2 was not evaluated; evaluated lengths: \[5, 10, 20, 40\]"):
        whole[2]
    more = whole.add(row(30, 0.4))
    assert more.lengths == (5, 10, 20, 30, 40)
    assert whole.lengths == (5, 10, 20, 40)
    with pytest.raises(ValueError, match="must be distinct and ascending"):
        whole.add(row(20, 0.4))


def test_reaches_are_by_threshold():
    assert curve({5: 1.0, 10: 0.999, 20: 0.98, 40: 0.93, 80: 0.5, 160: 1.0}).reaches == {
        0.90: 40,
        0.95: 20,
        0.99: 10,
    }
    assert Curve().reaches == {0.90: None, 0.95: None, 0.99: None}


@pytest.mark.parametrize("column", ["length", "exact_match", "correct", "first_error", "peak_bytes"])
@pytest.mark.parametrize("text", ["", "many", "1.5.2", "None"])
def test_a_garbled_value_is_refused_by_file_and_column(tmp_path, column, text):
    if (column, text) == ("first_error", ""):
        return  # an empty first error is none
    path = tmp_path / "curve.csv"
    rows = [{name: getattr(each, name) for name in COLUMNS} for each in curve(SHARES).rows]
    rows[2][column] = text
    write_csv(path, COLUMNS, rows)
    with pytest.raises(ValueError, match=f"invalid value '{text}' in column {column}") as refusal:
        Curve.load(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("split", ["", "train", "ID"])
def test_a_split_that_is_none_is_refused(tmp_path, split):
    rows = [{name: getattr(each, name) for name in COLUMNS} for each in curve(SHARES).rows]
    rows[0]["split"] = split
    write_csv(tmp_path / "curve.csv", COLUMNS, rows)
    with pytest.raises(ValueError, match=f"curve.csv: invalid value '{split}' in column split"):
        Curve.load(tmp_path / "curve.csv")


def test_a_file_cut_anywhere_is_refused_or_shorter_and_never_wrong(tmp_path):
    path, whole = tmp_path / "curve.csv", curve(SHARES)
    whole.save(path)
    text = path.read_bytes()
    for end in range(0, len(text), 3):
        path.write_bytes(text[:end])
        try:
            found = Curve.load(path)
        except UsageError as refusal:
            assert str(path) in str(refusal), end
            continue
        assert text[:end].endswith(b"\n")  # else the last number of a row might be cut
        for each in found.rows:
            assert each == whole[each.length]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00garbage", b"\x00" * 100, b"", b"a,b\n1,2\n", b"not a table"]
)
def test_a_file_that_is_no_curve_is_refused_by_name(tmp_path, content):
    path = tmp_path / "curve.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"curve\.csv"):
        Curve.load(path)


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "curve.csv"
    curve(SHARES).save(path)
    pandas.read_csv(path).drop(columns=["ci_low", "loss"]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"curve\.csv: missing column ci_low, loss"):
        Curve.load(path)


def test_endings_add_up_to_the_wrong_answers(tmp_path):
    path = tmp_path / "curve.csv"
    whole = curve(SHARES)
    whole.save(path)
    table = pandas.read_csv(path)
    table.assign(ran_on=1).to_csv(path, index=False)
    with pytest.raises(UsageError, match="stopped_early, ran_on, never_ended, wrong_token do not add up"):
        Curve.load(path)


def test_a_curve_of_an_earlier_version_has_no_endings_and_no_chance(tmp_path):
    path = tmp_path / "curve.csv"
    curve(SHARES).save(path)
    endings = ["stopped_early", "ran_on", "never_ended", "wrong_token"]
    chance = ["chance_exact_match", "chance_token_accuracy"]
    for missing in (chance, endings + chance):
        pandas.read_csv(path).drop(columns=missing, errors="ignore").to_csv(path, index=False)
        for each in Curve.load(path).rows:
            assert [getattr(each, name) for name in missing] == [None] * len(missing)
    assert Curve.load(path).lengths == curve(SHARES).lengths


def test_a_column_more_does_no_harm(tmp_path):
    path, whole = tmp_path / "curve.csv", curve(SHARES)
    whole.save(path)
    pandas.read_csv(path).assign(note="mine").to_csv(path, index=False)
    assert Curve.load(path).lengths == whole.lengths


def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path, old = tmp_path / "curve.csv", curve({5: 1.0})
    old.save(path)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        curve(SHARES).save(path)
    monkeypatch.undo()
    assert Curve.load(path) == old
    assert [file.name for file in tmp_path.iterdir()] == ["curve.csv"]


def test_a_text_that_cannot_be_written_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old\r\n")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_bytes() == b"old\r\n"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
