"""The verdicts of a sweep on disk."""

import numpy as np
import pandas
import pytest
from tests.report.curves import curve

from lengen.config.errors import UsageError
from lengen.records.curve import Curve
from lengen.records.run_dir import RunFolder, SweepRecord
from lengen.records.verdicts import (
    COLUMNS,
    ENDINGS,
    StringVerdicts,
    read_verdicts,
    verdicts_frame,
    write_verdicts,
)


def verdicts(*ends: str) -> StringVerdicts:
    """One string for each of some endings; the first error is its index, and all places behind are wrong too."""
    ending = np.array([ENDINGS.index(each) for each in ends])
    first = np.where(ending == 0, -1, np.arange(len(ends)))
    return StringVerdicts(ending == 0, first, np.where(ending == 0, 0, 3), ending, 4 + np.arange(len(ends)))


FOUND = {7: verdicts(*ENDINGS), 3: verdicts("right", "stopped_early", "stopped_early")}


def test_a_round_trip(tmp_path):
    path = tmp_path / "verdicts.parquet"
    write_verdicts(path, FOUND)
    back = read_verdicts(path)
    assert list(back) == [3, 7]
    for length, found in back.items():
        for part, wanted in zip(found, FOUND[length], strict=True):
            assert part.tolist() == wanted.tolist()
    assert list(read_verdicts(path, [7, 9])) == [7]
    assert back[3].counts == {**dict.fromkeys(ENDINGS, 0), "right": 1, "stopped_early": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["verdicts.parquet"]


def test_rows_in_another_order_and_other_encodings_are_read_alike(tmp_path):
    """Rows of two lengths in turns, endings as plain text; the strings of a length keep their order. No rows are no lengths."""
    path = tmp_path / "verdicts.parquet"
    write_verdicts(path, FOUND)
    table = pandas.read_parquet(path, partitioning=None)
    table["ending"] = table["ending"].astype(str)
    mixed = table.sort_values(["example", "length"], ascending=[True, False])
    assert mixed["length"].tolist() == [7, 3, 7, 3, 7, 3, 7, 7]
    mixed.to_parquet(path, index=False)
    back = read_verdicts(path)
    assert list(back) == [3, 7]
    for length, found in back.items():
        assert [part.tolist() for part in found] == [part.tolist() for part in FOUND[length]]
    mixed[:0].to_parquet(path, index=False)
    assert read_verdicts(path) == {}


def test_the_columns_are_those_of_the_contract(tmp_path):
    path = tmp_path / "seed=0" / "verdicts.parquet"  # a path that Arrow could take for a partition
    path.parent.mkdir()
    write_verdicts(path, FOUND)
    table = pandas.read_parquet(path, partitioning=None)
    assert tuple(table.columns) == COLUMNS
    assert " ".join(COLUMNS) == "length example exact first_error wrong_tokens ending answer_tokens"
    assert table["length"].tolist() == [3] * 3 + [7] * 5
    assert table["example"].tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    assert table["first_error"].isna().tolist() == table["exact"].tolist()
    assert table["ending"].astype(str).tolist()[3:] == list(ENDINGS)
    assert str(table["ending"].dtype) == "category"
    from pyarrow import parquet

    kinds = {field.name: str(field.type) for field in parquet.read_schema(path)}
    assert {
        kinds[name] for name in ("length", "example", "first_error", "wrong_tokens", "answer_tokens")
    } == {"int32"}
    assert kinds["exact"] == "bool"
    assert "dictionary" in kinds["ending"]
    frame = verdicts_frame(path, [3])
    assert tuple(frame.columns) == COLUMNS
    assert frame["example"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"no parquet at all", b"PAR1" * 20])
def test_a_file_that_is_none_is_refused_by_name(tmp_path, content):
    path = tmp_path / "verdicts.parquet"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"verdicts\.parquet: not a Parquet file"):
        read_verdicts(path)


def test_a_missing_column_and_an_unknown_ending_are_named(tmp_path):
    path = tmp_path / "verdicts.parquet"
    write_verdicts(path, FOUND)
    table = pandas.read_parquet(path)
    table.drop(columns="exact").to_parquet(path)
    with pytest.raises(UsageError, match="missing column exact"):
        read_verdicts(path)
    table.assign(ending="tired").to_parquet(path)
    with pytest.raises(UsageError, match="'tired' in column ending"):
        read_verdicts(path)


def test_no_length_is_in_the_curve_without_its_verdicts(tmp_path, monkeypatch):
    """Stopped between the two files, a sweep reads as it was before the last length."""
    folder, rows = RunFolder(tmp_path), curve({3: 1.0, 7: 0.5}).rows
    first = SweepRecord(Curve(), {}).add(rows[0], FOUND[3])
    folder.save(first)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Curve, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        folder.save(first.add(rows[1], FOUND[7]))
    monkeypatch.undo()
    assert list(folder.load_verdicts()) == [3]
    done = folder.resumed()
    assert done.curve.lengths == (3,)
    assert list(done.verdicts) == [3]


def test_a_sweep_without_verdicts_is_begun_anew(tmp_path):
    """An unfinished run of an earlier version: what has no verdicts is evaluated again."""
    folder = RunFolder(tmp_path)
    curve({3: 1.0}).save(folder.curve)
    assert folder.load_verdicts() == {}
    assert folder.resumed().curve.lengths == ()


def test_strings_are_paired_by_their_number_and_not_by_their_row(tmp_path):
    from pyarrow import parquet

    path = tmp_path / "verdicts.parquet"
    write_verdicts(path, FOUND)
    table = parquet.read_table(path)
    order = np.random.default_rng(0).permutation(len(table))
    parquet.write_table(table.take(order), path)
    back = read_verdicts(path)
    assert all(np.array_equal(back[length].exact, FOUND[length].exact) for length in FOUND)
    doubled = [0, *range(len(table) - 1)]
    parquet.write_table(table.take(doubled), path)
    with pytest.raises(UsageError, match="the strings of length"):
        read_verdicts(path)
