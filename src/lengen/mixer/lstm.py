"""Long short-term memory (Hochreiter and Schmidhuber 1997)."""

from __future__ import annotations

import torch
from torch import nn

from lengen.mixer import Layer
from lengen.mixer.torch_cell import TorchCell


class LSTM(TorchCell):
    """Long short-term memory: c' = f c + i g, h' = o tanh(c') (Hochreiter and Schmidhuber 1997; Gers et al. 2000 for the forget gate).

    Args:
        layer: the layer that it is made for.
        size: numbers in the hidden state; None is the width of the residual stream.
        forget: bias of the forget gate at the start (Jozefowicz et al. 2015).
    """

    cell = nn.LSTM

    def __init__(self, layer: Layer, size: int | None = None, forget: float = 1.0) -> None:
        super().__init__(layer, size)
        hidden = size or self.dim
        with torch.no_grad():
            for name, value in (("bias_ih_l0", forget), ("bias_hh_l0", 0.0)):
                self.cells.get_parameter(name)[hidden : 2 * hidden] = value
