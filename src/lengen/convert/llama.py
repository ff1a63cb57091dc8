"""Llama and Arcee: RMSNorm, rotations of pairs, a gated or an ungated feed-forward layer."""

from __future__ import annotations

from typing import Any

from lengen.convert import EPSILON, TOKENS, Format, Model, TrainedDecoder, positional
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE

STILL = 1e30
"""Positions divided by this are 0 in float32 angles: no rotation."""


class Llama(Format):
    """`LlamaForCausalLM`, with weights as they are; rows of queries and keys in the order of its rotations."""

    name = "llama"
    encodings, feeds = ("rope", "nope"), "swiglu"
    besides = "an even number of channels in a head"
    architecture, activation, gated = "LlamaForCausalLM", "silu", True

    def fits(self, trained: TrainedDecoder) -> bool:
        """Rotated or no positions, its kind of feed-forward layer, and pairs of channels in a head."""
        even = trained.decoder.architecture.shape.head_dim % 2 == 0
        gated = trained.layers[0].gate is not None
        return positional(trained, RoPE, NoPE) and gated == self.gated and even

    def convert(self, trained: TrainedDecoder) -> Model:
        """See `Format`."""
        shape = trained.decoder.architecture.shape
        options = {
            **trained.ids, "hidden_size": shape.dim, "num_attention_heads": shape.heads, "num_key_value_heads": shape.heads,
            "head_dim": shape.head_dim, "num_hidden_layers": len(trained.layers), "intermediate_size": trained.width,
            "hidden_act": self.activation, "rms_norm_eps": EPSILON, "max_position_embeddings": TOKENS,
            "rope_parameters": _rotations(trained), "attention_bias": False, "mlp_bias": False,
        }  # fmt: skip
        weights = {
            "model.embed_tokens.weight": trained.embedding,
            "model.norm.weight": trained.norm,
        }
        for index, layer in enumerate(trained.layers):
            parts = {
                "self_attn.q_proj": trained.rotated(layer.query, spread=True),
                "self_attn.k_proj": trained.rotated(layer.key, spread=True),
                "self_attn.v_proj": layer.value,
                "self_attn.o_proj": layer.out,
                "mlp.up_proj": layer.up,
                "mlp.down_proj": layer.down,
                "input_layernorm": layer.attention_norm,
                "post_attention_layernorm": layer.feed_norm,
                **({} if layer.gate is None else {"mlp.gate_proj": layer.gate}),
            }
            weights |= {f"model.layers.{index}.{name}.weight": weight for name, weight in parts.items()}
        return Model(self.architecture, options, weights, trained.head)


class Arcee(Llama):
    """`ArceeForCausalLM`: Llama with a feed-forward layer without a gate."""

    name = "arcee"
    feeds = "gelu"
    architecture, activation, gated = "ArceeForCausalLM", "gelu", False


def _rotations(trained: TrainedDecoder) -> dict[str, Any]:
    """Return the entries on rotations: of a part of the channels, of all, or of none."""
    rope = trained.decoder.pe
    if not isinstance(rope, RoPE):
        return {"rope_type": "linear", "factor": STILL, "rope_theta": 10000.0}
    head = rope.shape.head_dim
    if rope.channels == head:
        return {"rope_type": "default", "rope_theta": rope.base}
    base = rope.base ** (head / rope.channels)
    return {
        "rope_type": "proportional",
        "partial_rotary_factor": rope.channels / head,
        "rope_theta": base,
    }
