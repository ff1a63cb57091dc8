"""Elman network (Elman 1990)."""

from __future__ import annotations

from torch import nn

from lengen.mixer.torch_cell import TorchCell


class RNN(TorchCell):
    """Elman network: h' = tanh(W x + U h + b) (Elman 1990).

    Args:
        layer: the layer that it is made for.
        size: numbers in the hidden state; None is the width of the residual stream.
    """

    cell = nn.RNN
