"""A worked example of four tokens, one head, two channels, and recurrences in plain loops over time."""

import torch
from torch.nn.functional import normalize


def wave(shift):
    """sin(2 t + c + shift) of token t and channel c, "1 time 1 channel"."""
    time, channel = torch.arange(4.0, dtype=torch.float64), torch.arange(2.0, dtype=torch.float64)
    return (2 * time.unsqueeze(1) + channel + shift).sin()[None, :, None]


QUERY, KEY, VALUE = wave(1), wave(2), wave(3)
UNIT = normalize(KEY, dim=-1)
BETA = torch.tensor([0.5, 1, 1.5, 2], dtype=torch.float64).view(1, 4, 1, 1)
GATE = torch.tensor([0.9, 0.8, 0.7, 0.6], dtype=torch.float64).view(1, 4, 1, 1)
GATES = torch.tensor([[0.9, 0.8], [0.7, 0.6], [0.5, 0.4], [0.3, 0.2]], dtype=torch.float64).view(1, 4, 1, 2)


def rows(text):
    """Outputs as numbers: rows are separated by bars."""
    return torch.tensor(
        [[float(word) for word in row.split()] for row in text.split("|")], dtype=torch.float64
    )


def draw(*shape, seed=0, dtype=torch.float64):
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def slow_scan(decay, write, start):
    """h_t = decay_t h_{t-1} + write_t."""
    found, h = [], start
    for time in range(write.shape[1]):
        h = decay[:, time] * h + write[:, time]
        found.append(h)
    return torch.stack(found, 1)


def slow(query, key, value, step, state):
    """o_t = q_t S_t of S_t = step(t, S_{t-1}) + k_t v_t^T."""
    found = []
    for time in range(query.shape[1]):
        state = step(time, state) + key[:, time].unsqueeze(-1) * value[:, time].unsqueeze(-2)
        found.append((query[:, time].unsqueeze(-2) @ state).squeeze(-2))
    return torch.stack(found, 1), state


def slow_decayed(query, key, value, decay, state):
    """Decays, not their logarithms, one per head or channel."""
    return slow(query, key, value, lambda time, s: decay[:, time].unsqueeze(-1) * s, state)


def slow_rank_one(query, key, value, decay, read, write, state):
    """A diagonal and a matrix of rank one."""

    def step(time, s):
        seen = read[:, time].unsqueeze(-2) @ s
        return decay[:, time].unsqueeze(-1) * s + write[:, time].unsqueeze(-1) * seen

    return slow(query, key, value, step, state)


def slow_delta(query, key, value, beta, decay, state):
    """The delta rule as it is written: decay, take out what the key holds, write."""

    def step(time, s):
        k, s = key[:, time].unsqueeze(-1), decay[:, time].unsqueeze(-1) * s
        return s - beta[:, time].unsqueeze(-1) * k * (k.mT @ s)

    return slow(query, beta * key, value, step, state)
