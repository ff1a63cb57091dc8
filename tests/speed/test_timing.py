"""Two sides run in turn, and their ratios are those of the seconds that they take."""

import time
from functools import partial

import pytest

from benchmarks import Setting, timing
from benchmarks.profiling import profiled
from benchmarks.timing import figure, in_turn, quartiles, ratio, seconds


class Clock:
    """A clock that stands still but for the work that is done."""

    def __init__(self, monkeypatch):
        self.time, self.order = 0.0, []
        monkeypatch.setattr(timing, "now", lambda device: self.time)

    def work(self, name, taken):
        def step():
            self.order.append(name)
            self.time += next(taken)

        return step


def test_sides_run_in_turn_and_every_other_round_in_reverse(monkeypatch):
    clock = Clock(monkeypatch)
    sides = [clock.work("a", iter([9, 1, 2, 3])), clock.work("b", iter([9, 4, 5, 6]))]
    assert in_turn(Setting(), sides, 3, warm=1) == [[1, 2, 3], [4, 5, 6]]
    assert "".join(clock.order) in ("abbaabba", "baabbaab")


def test_no_round_begins_after_its_time_but_the_first_two(monkeypatch):
    clock = Clock(monkeypatch)
    forever = iter(lambda: 1.0, None)
    spent = in_turn(Setting(until=time.monotonic() - 1), [clock.work("a", forever)], 50, warm=0)
    assert spent == [[1.0, 1.0]]


def test_cells_share_the_time_that_is_left():
    now = time.monotonic()
    shares = [share.until - now for _, share in Setting(until=now + 9).sharing("abc")]
    assert shares == pytest.approx([3, 4.5, 9], abs=0.1)  # nothing was used of the earlier shares
    assert [cell for cell, _ in Setting(quick=True).sharing("abc")] == ["a"]
    assert [cell for cell, _ in Setting(quick=True).sharing("abc", "xy")] == ["x", "y"]


def test_a_ratio_says_how_many_times_longer_the_other_side_takes():
    found = ratio("a step", "times faster", [2.0, 6.0, 8.0], [1.0, 2.0, 2.0], mark=2)
    assert (found.median, found.rounds, found.met) == (3.0, 3, True)
    assert found.values == {"own_ms": 2000.0, "other_ms": 6000.0, "ratio_of_totals": 16 / 5}


def test_quartiles():
    assert quartiles([5.0, 1.0, 3.0, 2.0, 4.0]) == (2.0, 3.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)
    assert figure("x", "s", [7.0]).rounds == 1


def test_seconds_are_those_of_this_thread():
    """Which sleeps here."""
    assert seconds("cpu", partial(time.sleep, 0.05)) < 0.02


def test_shares_of_a_profile_are_of_the_whole_time():
    import torch

    weight = torch.randn(400, 400, requires_grad=True)
    found = profiled("products", lambda: (weight @ weight).sum().backward(), 3)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.shares["matrix products"] > 0.5
    assert found.milliseconds > 0
    slow = profiled("Python", lambda: sum(range(200_000)), 3)
    assert slow.shares["outside operators"] > 0.9
