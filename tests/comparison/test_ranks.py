"""Ranks: ranges that significant differences leave open; none of noise."""

import numpy
import pytest

from lengen.comparison.cell_summary import SuccessCriterion
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import Cell, assemble
from lengen.comparison.ranks import Rank, above_chance, rankable, ranks
from lengen.comparison.run_record import RunRecord
from lengen.comparison.summary import summarize
from lengen.report import tables
from report.curves import curve
from studies import write_run

SPREAD = (0.05, 0.1, 0.5, 0.95, 1.0)


@pytest.fixture
def found(tmp_path):
    """High and low cells that differ, and one that spreads over both and differs from neither; its seeds' ID is 1."""
    areas = {"alibi": [0.9] * 5, "nope": SPREAD, "rope": [0.1] * 5}
    for pe, shares in areas.items():
        for seed, share in enumerate(shares):
            write_run(tmp_path, seed, [1.0, 1.0, share, share], pe=pe, cell=f"c-{pe}")
    return summarize(assemble(find([str(tmp_path)])), SuccessCriterion())


def test_cells_that_do_not_differ_share_ranks_and_a_slow_count_agrees(found):
    pairs = [pair for pair in found.pairs if pair.runs == "all"]
    apart = {(pair.first, pair.second): pair.told_apart for pair in pairs}
    assert apart == {("alibi", "nope"): False, ("alibi", "rope"): True, ("nope", "rope"): False}
    rows = {row.line: row for row in found.summaries if row.runs == "all"}
    shown = {name: tables.COLUMNS["rank"](row) for name, row in rows.items()}
    assert shown == {"alibi": "1 to 2", "nope": "1 to 3", "rope": "2 to 3"}
    for name, row in rows.items():
        possible = [
            order.index(name) + 1
            for order in (["alibi", "nope", "rope"], ["nope", "alibi", "rope"], ["alibi", "rope", "nope"])
        ]  # all orders in which alibi stands before rope
        assert (row.rank, row.rank_last) == (min(possible), max(possible))
    assert ranks(["nope", "rope"], pairs) == {"nope": Rank(1, 2), "rope": Rank(1, 2)}


def made(name, shares, *, trained=True, chance=0.001, seeds=1, examples=1000):
    """A cell of seeds with one curve: a share of right answers at each OOD length, in memory."""
    rows = {10 * place: share for place, share in enumerate(shares, start=2)}
    one = curve(rows, examples=examples, chance_exact_match=chance)
    facts = {"id_exact_match": 1.0 if trained else 0.5}
    config = {"train_length": 10, "labels": {"pe": name}}
    records = [RunRecord(f"{name}/{seed}", name, str(seed), config, facts, one) for seed in range(seeds)]
    return Cell(name, tuple(records))


def test_only_trained_cells_have_a_rank_and_none_if_these_are_at_chance():
    best, chance = made("alibi", [0.9, 0.8]), made("nope", [0.001, 0.0])
    assert rankable([best, chance]) == ["alibi", "nope"]
    assert rankable([chance, made("rope", [0.0, 0.001])]) == []
    assert rankable([made("t5", [0.9, 0.9], trained=False), chance]) == []
    assert rankable([made("t5", [0.9, 0.9], trained=False), chance, best]) == ["nope", "alibi"]
    assert rankable([made("parity", [0.5, 0.51], chance=0.5)]) == []


def test_cells_at_chance_are_rarely_taken_for_better():
    """All seeds give the likelier of two answers, so that they share the luck of the strings; 8 lengths, 5 cells."""
    noise, wrong, studies = numpy.random.default_rng(0), 0, 60
    for _ in range(studies):
        luck = noise.binomial(100, 0.5, (5, 8)) / 100
        cells = [
            made(f"c{place}", shares, chance=0.5, seeds=5, examples=100) for place, shares in enumerate(luck)
        ]
        wrong += bool(rankable(cells))
    assert wrong / studies <= 0.1
    assert above_chance(made("nope", [0.7], chance=0.5, examples=100), comparisons=40)
