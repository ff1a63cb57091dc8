"""Where the time of a step goes: torch's profiler, by kind of work."""

from __future__ import annotations

import time
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

from benchmarks import Profile

KINDS = (
    ("attention", ("scaled_dot_product", "flash_attention", "efficient_attention", "softmax")),
    ("matrix products", ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "mkldnn", "gemm")),
    ("activation and norms", ("gelu", "silu", "norm", "rsqrt")),
    ("optimizer", ("adam", "foreach", "Optimizer.")),
)
OTHER, OUTSIDE = "other operators", "outside operators"
"""Operators of torch that are none of these; Python, and what else is no operator."""


def profiled(side: str, step: Callable[[], object], steps: int) -> Profile:
    """Return the shares of the time of a step, on the CPU.

    The time itself is that of steps without the profiler, which slows them down.

    Args:
        side: name of the side.
        step: runs a step.
        steps: how many are profiled.
    """
    step()
    started = time.thread_time()
    for _ in range(steps):
        step()
    spent = time.thread_time() - started
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(steps):
            step()
    sums = dict.fromkeys([*(kind for kind, _ in KINDS), OTHER], 0.0)
    for event in found.key_averages():
        kind = next((kind for kind, names in KINDS if any(name in event.key for name in names)), OTHER)
        sums[kind] += event.self_cpu_time_total / 1e6
    inside = sum(sums.values())
    whole = max(spent, inside)  # the operators alone take longer under the profiler
    shares = {kind: seconds / whole for kind, seconds in sums.items()}
    return Profile(side, spent / steps * 1000, {**shares, OUTSIDE: max(0.0, 1 - inside / whole)})
