"""Gated recurrent unit (Cho et al. 2014)."""

from __future__ import annotations

from torch import nn

from lengen.mixer.torch_cell import TorchCell


class GRU(TorchCell):
    """Gated recurrent unit: h' = (1 - z) n + z h (Cho et al. 2014, in the form of torch, whose reset gate stands behind the recurrent map).

    Args:
        layer: the layer that it is made for.
        size: numbers in the hidden state; None is the width of the residual stream.
    """

    cell = nn.GRU
