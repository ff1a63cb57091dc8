"""GPT-NeoX: LayerNorm and rotated pairs, on the residual stream twice."""

from __future__ import annotations

import torch
from einops import rearrange

from lengen.convert import EPSILON, TOKENS, Format, Model, TrainedDecoder, positional
from lengen.convert.doubled import embedded, from_heads, heads_of, norm, reads, written
from lengen.pe.rope import RoPE


class GPTNeoX(Format):
    """`GPTNeoXForCausalLM` of twice the width, with blocks one after the other."""

    name = "gpt_neox"
    encodings = ("rope",)

    def fits(self, trained: TrainedDecoder) -> bool:
        """Rotated positions and no gate."""
        return positional(trained, RoPE) and trained.layers[0].gate is None

    def convert(self, trained: TrainedDecoder) -> Model:
        """See `Format`; rows of queries, keys and values stand head by head."""
        shape, rope = trained.decoder.architecture.shape, trained.decoder.pe
        assert isinstance(rope, RoPE)
        options = {
            **trained.ids, "hidden_size": 2 * shape.dim, "num_attention_heads": shape.heads,
            "num_hidden_layers": len(trained.layers), "intermediate_size": trained.width, "hidden_act": "gelu",
            "layer_norm_eps": EPSILON, "use_parallel_residual": False, "attention_bias": False, "max_position_embeddings": TOKENS,
            "rope_parameters": {
                "rope_type": "default", "rope_theta": rope.base,
                "partial_rotary_factor": rope.channels / (2 * shape.head_dim),
            },
        }  # fmt: skip
        weights = {
            "gpt_neox.embed_in.weight": embedded(trained.embedding),
            "gpt_neox.final_layer_norm.weight": norm(trained.norm),
        }
        for index, layer in enumerate(trained.layers):
            query, key = trained.rotated(layer.query) * 2**0.5, trained.rotated(layer.key)
            each = [
                rearrange(
                    heads_of(part, shape.heads), "(heads row) column -> heads row column", heads=shape.heads
                )
                for part in (query, key, layer.value)
            ]
            parts = {
                "input_layernorm": norm(layer.attention_norm),
                "attention.query_key_value": torch.cat(each, 1).flatten(0, 1),
                "attention.dense": from_heads(layer.out, shape.heads),
                "post_attention_layernorm": norm(layer.feed_norm),
                "mlp.dense_h_to_4h": reads(layer.up),
                "mlp.dense_4h_to_h": written(layer.down),
            }
            weights |= {f"gpt_neox.layers.{index}.{name}.weight": weight for name, weight in parts.items()}
        return Model("GPTNeoXForCausalLM", options, weights, reads(trained.head))
