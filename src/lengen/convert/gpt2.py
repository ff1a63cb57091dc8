"""GPT-2: LayerNorm and a table of positions, on the residual stream twice."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.convert import EPSILON, TOKENS, Format, Model, TrainedDecoder, positional
from lengen.convert.doubled import embedded, from_heads, heads_of, norm, reads, written
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE
from lengen.pe.sinusoidal import Sinusoidal


class GPT2(Format):
    """`GPT2LMHeadModel` of twice the width; its table holds learned rows, sinusoids, or zeros."""

    name = "gpt2"
    encodings = ("learned", "sinusoidal", "nope")

    def fits(self, trained: TrainedDecoder) -> bool:
        """A vector for each position, or none, and no gate."""
        return positional(trained, Learned, Sinusoidal, NoPE) and trained.layers[0].gate is None

    def convert(self, trained: TrainedDecoder) -> Model:
        """See `Format`; its matrices are input by output."""
        shape, table = trained.decoder.architecture.shape, positions(trained)
        options = {
            **trained.ids, "n_embd": 2 * shape.dim, "n_head": shape.heads, "n_layer": len(trained.layers),
            "n_inner": trained.width, "n_positions": len(table), "activation_function": "gelu", "layer_norm_epsilon": EPSILON,
            "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
        }  # fmt: skip
        weights = {
            "transformer.wte.weight": embedded(trained.embedding),
            "transformer.wpe.weight": embedded(table),
            "transformer.ln_f.weight": norm(trained.norm),
        }
        for index, layer in enumerate(trained.layers):
            each = [heads_of(part, shape.heads) for part in (layer.query * 2**0.5, layer.key, layer.value)]
            parts = {
                "ln_1": norm(layer.attention_norm),
                "attn.c_attn": torch.cat(each).T,
                "attn.c_proj": from_heads(layer.out, shape.heads).T,
                "ln_2": norm(layer.feed_norm),
                "mlp.c_fc": reads(layer.up).T,
                "mlp.c_proj": written(layer.down).T,
            }
            weights |= {f"transformer.h.{index}.{name}.weight": weight for name, weight in parts.items()}
        return Model("GPT2LMHeadModel", options, weights, reads(trained.head), len(table))


def positions(trained: TrainedDecoder) -> Float[Tensor, "position dim"]:
    """Return what the decoder adds to the embedding at every position."""
    pe = trained.decoder.pe
    count = pe.budget or TOKENS
    nothing = torch.zeros(1, count, trained.decoder.architecture.dim)
    with torch.no_grad():
        return pe.cpu().embed(nothing, torch.arange(count).unsqueeze(0))[0].float()
