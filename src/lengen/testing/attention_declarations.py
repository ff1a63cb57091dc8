"""Contract tests of what the class of an attention rule declares."""

from __future__ import annotations

import torch

from lengen.attention import AttentionRule
from lengen.testing.attention_outputs import Make, heads
from lengen.testing.made_up import SHAPE, inputs
from lengen.testing.report import CHANGED, expect


def builds(make: Make) -> None:
    """The rule has the given shape, hides no hook, and has no state but its parameters."""
    rule = make(SHAPE)
    expect(isinstance(rule, AttentionRule), f"{type(rule).__name__} is no AttentionRule")
    rule.check_hooks()
    expect(rule.shape == SHAPE, "its shape is not the given one: call super().__init__(shape)")
    buffers = [name for name, _ in rule.named_buffers()]
    expect(not buffers, f"it has buffers ({', '.join(buffers)}): keep no state but parameters")
    steps = [hook for hook in ("adjust", "normalise", "reweigh") if _own(rule, hook)]
    expect(
        not (rule.fused and steps),
        f"it overrides {steps[0] if steps else ''}, which is not called with fused=True",
    )


def _own(rule: AttentionRule, hook: str) -> bool:
    """Whether a rule overrides a hook."""
    return getattr(type(rule), hook) is not getattr(AttentionRule, hook)


def _randomized(make: Make) -> AttentionRule:
    """Return a rule in float64 with random parameters."""
    rule = make(SHAPE).double()
    rule.load_state_dict({name: torch.rand_like(weight) for name, weight in rule.state_dict().items()})
    return rule


def reads(make: Make) -> None:
    """Positions change the output if and only if the class has `reads`."""
    *parts, _ = heads(9, 9)
    rule, far = _randomized(make), (torch.arange(9) * 9).unsqueeze(0)
    change = rule(*parts, inputs(9)) - rule(*parts, inputs(9, positions=far))
    changed = bool(change.abs().max() > CHANGED)
    expect(
        changed == rule.reads,
        f"positions {'change' if changed else 'do not change'} the output, but the class has reads={rule.reads}",
    )


def whole(make: Make) -> None:
    """Positions between integers change the output, unless the class has `whole`."""
    *parts, _ = heads(9, 9)
    rule = _randomized(make)
    near, far = (
        rule(*parts, inputs(9, positions=(torch.arange(9) * step).unsqueeze(0))) for step in (4, 3.6)
    )
    distinguished = not rule.reads or rule.whole or bool((near - far).abs().max() > CHANGED)
    expect(distinguished, "positions between integers change nothing, but the class has whole=False")


def directions(make: Make) -> None:
    """The norms of queries and keys matter if and only if the class does not have `directions`."""
    query, key, value, bias, _ = heads(9, 9)
    rule = make(SHAPE).double()
    for size in (0.5, 3.0):
        change = rule(size * query, key, value, bias, inputs(9)) - rule(query, key, value, bias, inputs(9))
        same = bool(change.abs().max() < 1e-9)  # noqa: PLR2004  # of float64
        expect(
            same == rule.directions,
            f"norms of queries {'do not matter' if same else 'matter'}, but the class has directions={rule.directions}",
        )
