"""Loop laws: what they draw, that a step draws the same again, and what they refuse."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from omegaconf import OmegaConf
from tests.options import files

from lengen.config.errors import UsageError
from lengen.loops import LoopLaw
from lengen.loops.act import ACT
from lengen.loops.fixed import Fixed
from lengen.loops.length import Length
from lengen.loops.poisson_lognormal import PoissonLogNormal
from lengen.loops.uniform import Uniform
from lengen.sampling import generator

LAWS = [
    pytest.param(Fixed(), id="fixed"),
    pytest.param(Uniform(most=7, least=2), id="uniform"),
    pytest.param(PoissonLogNormal(mean=6.0), id="poisson_lognormal"),
    pytest.param(Length(), id="length"),
]


@pytest.mark.parametrize("path", files("loops"), ids=lambda path: path.stem)
def test_an_option_is_a_law_with_its_paper(path):
    options = OmegaConf.to_container(OmegaConf.load(path))
    module, _, name = options["_target_"].rpartition(".")
    kind = getattr(import_module(module), name)
    assert issubclass(kind, LoopLaw)
    assert "# paper: " in path.read_text()
    assert kind.__name__.lower() == path.stem.replace("_", "")
    assert {"grad_loops", "ponder"} & set(options)


@pytest.mark.parametrize("law", [*LAWS, Fixed(grad_loops=2), ACT()])
def test_a_law_is_steady_where_it_asks_nothing_of_a_step(law):
    passes = law.passes(3, generator("loops", 0, 0), torch.tensor([2, 5]))
    assert law.steady == (passes is None)


@pytest.mark.parametrize("loops", [1, 2, 7])
def test_numbers_that_contradict_decoder_loops_are_refused(loops):
    Uniform(most=loops).check(loops)
    for mean in (loops, loops + 0.9, loops - 0.9):
        PoissonLogNormal(mean=mean).check(loops)
    for law, option in ((Uniform(most=loops + 1), "most"), (PoissonLogNormal(mean=loops + 1), "mean")):
        with pytest.raises(UsageError, match=rf"loops\.{option}={loops + 1} with decoder\.loops={loops}: "):
            law.check(loops)
    for law in (Fixed(), Length(), ACT()):
        law.check(loops)


def draws(law, count=4000):
    return torch.tensor([law.passes(1, generator("loops", 0, step)).loops for step in range(count)])


def test_uniform_is_uniform():
    counts = torch.bincount(draws(Uniform(most=7, least=2)), minlength=8)
    assert counts[:2].sum() == 0
    assert (
        float(((counts[2:] - 4000 / 6) ** 2 / (4000 / 6)).sum()) < 20.5
    )  # chi-square of 5 degrees, p = 0.001


def test_poisson_lognormal_has_its_mean_and_its_variance():
    """Mean m + 1; variance of a mixed Poisson law: m + m^2 (exp(sigma^2) - 1)."""
    found = draws(PoissonLogNormal(mean=6.0, sigma=0.5), 20000).double()
    variance = 6 + 36 * (torch.e**0.25 - 1)
    assert abs(float(found.mean()) - 7) < 4 * (variance / 20000) ** 0.5
    assert float(found.var()) == pytest.approx(variance, rel=0.06)
    assert int(found.min()) >= 1


def test_a_step_draws_the_same_again():
    law = Uniform(most=50)
    assert torch.equal(draws(law, 30), draws(law, 30))
    assert len(set(draws(law, 30).tolist())) > 10


@pytest.mark.parametrize("law", LAWS)
def test_truncation_leaves_the_last_loops(law):
    cut = type(law)(**{**vars(law), "grad_loops": 2})
    steps = torch.tensor([5, 5])
    whole, found = law.passes(4, generator("loops", 1), steps), cut.passes(4, generator("loops", 1), steps)
    loops = 4 if whole is None else whole.loops
    assert found is not None
    assert (found.loops, found.free) == (loops, max(loops - 2, 0))
    assert cut.kept(9, 9) == 2


def test_length_counts_the_steps_of_each_problem():
    law = Length(factor=0.5, plus=1)
    found = law.passes(1, None, torch.tensor([1, 4, 9]))
    assert found.halting.count.tolist() == [2, 3, 5]
    assert [law.evaluated(1, steps) for steps in (1, 4, 9)] == [2, 3, 5]


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (Uniform, {"most": 3, "least": 4}, "loops.least=4"),
        (Uniform, {"most": 3, "least": 0}, "loops.least=0"),
        (Fixed, {"grad_loops": 0}, "loops.grad_loops=0"),
        (PoissonLogNormal, {"mean": 0.0}, "loops.mean=0"),
        (PoissonLogNormal, {"mean": 2.0, "sigma": -1.0}, "loops.sigma=-1"),
        (Length, {"factor": 0.0}, "loops.factor=0"),
        (Length, {"plus": -1}, "loops.plus=-1"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(kind, options, words):
    with pytest.raises(UsageError, match=words):
        kind(**options)
