"""The search of factors: against a slow loop over heads and values, and what a run of it records."""

import torch
from tests.conftest import TINY, run_folders, train
from torch import nn

from lengen.records.run_dir import RunFolder
from lengen.training.checkpoint import read_checkpoint
from lengen.tuning.head_search import Search

VALUES = [0.5, 1.0, 1.5, 3.0]


def loss(numbers):
    """Has its least values at other places than alone if the numbers are tried together."""
    first, second, third = numbers
    return (first * second - 2.0) ** 2 + (second - third) ** 2 + 0.1 * third


def test_it_is_a_slow_loop_over_numbers_and_values():
    parameters = [nn.Parameter(torch.ones(2, 1, 1)), nn.Parameter(torch.ones(1, 1, 1))]
    search, numbers = Search(parameters, VALUES), [1.0, 1.0, 1.0]

    def closure():
        found = loss([*parameters[0].flatten(), *parameters[1].flatten()])
        found.backward()
        return found

    for step in range(7):
        at = step % 3
        tried = []
        for value in [numbers[at], *VALUES]:
            tried.append((loss([*numbers[:at], value, *numbers[at + 1 :]]), len(tried), value))
        numbers[at] = min(tried)[2]
        last = search.step(closure)
        assert [each for weight in parameters for each in weight.detach().flatten().tolist()] == numbers
        assert abs(last.item() - loss(numbers)) < 1e-6
    assert numbers != [1.0, 1.0, 1.0]
    other = Search(parameters, VALUES)
    other.load_state_dict(search.state_dict())
    assert other.param_groups[0]["next"] == 7


def test_a_run_takes_a_step_for_every_head_and_reads_one_length(lengen, tmp_path):
    train(tmp_path, ("task=copy", "pe=nope", *TINY))
    (base,) = run_folders(tmp_path)
    assert lengen("tune", f"run={base}", "tune=head_search", "tune.values=[3.0]").code == 0
    (run,) = (RunFolder(path) for path in run_folders(tmp_path) if path != base)
    facts = run.facts()
    assert run.config()["steps"] == 2 * 2
    assert facts["trained_lengths"] == [6]
    assert facts["tuned"]["moved"] == 2
    assert {factor for layer in facts["tuned"]["factors"] for factor in layer} <= {1.0, 3.0}
    state = read_checkpoint(run.checkpoint("last"))["state_dict"]
    known = read_checkpoint(RunFolder(base).checkpoint("last"))["state_dict"]
    assert all(torch.equal(state[name.replace("rule.", "rule.trained.")], known[name]) for name in known)
