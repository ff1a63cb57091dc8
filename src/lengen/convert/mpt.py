"""MPT: LayerNorm and linear biases, on the residual stream twice."""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from lengen.convert import EPSILON, TOKENS, Format, Model, TrainedDecoder
from lengen.convert.doubled import embedded, from_heads, heads_of, norm, reads, written
from lengen.pe.alibi import ALiBi, geometric

WIDER = 8
"""Its feed-forward layer has four times its width, which is twice that of the decoder; further units are zero."""


class MPT(Format):
    """`MptForCausalLM` of twice the width."""

    name = "mpt"
    encodings = ("alibi",)
    besides = "decoder.heads a power of 2, decoder.hidden up to 8 and the slopes of its paper"

    def fits(self, trained: TrainedDecoder) -> bool:
        """Slopes that it computes too, no gate, and a feed-forward layer that is not too wide."""
        pe, shape = trained.decoder.pe, trained.decoder.architecture.shape
        return (
            type(pe) is ALiBi
            and [*pe.slopes] == geometric(shape.heads)
            and shape.heads & (shape.heads - 1) == 0
            and trained.layers[0].gate is None
            and trained.width <= WIDER * shape.dim
        )

    def convert(self, trained: TrainedDecoder) -> Model:
        """See `Format`."""
        shape = trained.decoder.architecture.shape
        options = {
            **trained.ids, "d_model": 2 * shape.dim, "n_heads": shape.heads, "n_layers": len(trained.layers), "expansion_ratio": 4,
            "max_seq_len": TOKENS, "resid_pdrop": 0.0, "emb_pdrop": 0.0, "layer_norm_epsilon": EPSILON, "no_bias": True,
            "attn_config": {"alibi": True, "alibi_bias_max": 8, "softmax_scale": shape.head_dim**-0.5, "attn_pdrop": 0},
        }  # fmt: skip
        weights = {
            "transformer.wte.weight": embedded(trained.embedding),
            "transformer.norm_f.weight": norm(trained.norm),
        }
        missing = WIDER * shape.dim - trained.width
        for index, layer in enumerate(trained.layers):
            each = [heads_of(part, shape.heads) for part in (layer.query, layer.key, layer.value)]
            parts = {
                "norm_1": norm(layer.attention_norm),
                "attn.Wqkv": torch.cat(each),
                "attn.out_proj": from_heads(layer.out, shape.heads),
                "norm_2": norm(layer.feed_norm),
                "ffn.up_proj": pad(reads(layer.up), (0, 0, 0, missing)),
                "ffn.down_proj": pad(written(layer.down), (0, missing)),
            }
            weights |= {f"transformer.blocks.{index}.{name}.weight": weight for name, weight in parts.items()}
        return Model("MptForCausalLM", options, weights, reads(trained.head), TOKENS)
