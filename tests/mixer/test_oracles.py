"""Mixers against the code of others, with the same weights; without the library a test is skipped by its name."""

import pytest
import torch
from tests.mixer.test_formulas import made
from tests.mixer.vectors import draw
from torch.nn.functional import logsigmoid, normalize
from torch.testing import assert_close

from lengen.mixer.delta import delta_rule


@pytest.mark.parametrize("time", [5, 64, 100])
def test_delta_rule_of_qwen3_next(time):
    theirs = pytest.importorskip("transformers.models.qwen3_next.modeling_qwen3_next")
    query, key, value, gate, beta = (
        draw(2, time, 3, width, seed=width + index, dtype=torch.float32)
        for index, width in enumerate((8, 8, 5, 1, 1))
    )
    key, beta = normalize(key, dim=-1), beta.sigmoid()
    log_decay = logsigmoid(gate)
    got, state = delta_rule(query * 8**-0.5, key, value, beta, log_decay)
    for form in (theirs.torch_chunk_gated_delta_rule, theirs.torch_recurrent_gated_delta_rule):
        expected, last = form(
            query, key, value, log_decay[..., 0], beta[..., 0], initial_state=None, output_final_state=True
        )
        assert_close(got, expected, rtol=0, atol=1e-5)
        assert_close(state, last, rtol=0, atol=1e-5)


def test_mamba2_of_transformers():
    theirs = pytest.importorskip("transformers.models.mamba2.modeling_mamba2")
    config = pytest.importorskip("transformers").Mamba2Config(
        hidden_size=16, num_heads=2, head_dim=16, state_size=16, expand=2, n_groups=1, chunk_size=8, use_bias=False,
        time_step_limit=(0.0, float("inf")),
    )  # fmt: skip
    block, mixer, x = theirs.Mamba2Mixer(config, 0).float(), made("mamba2").float(), draw(2, 21, 16).float()
    with torch.no_grad():
        block.in_proj.weight.copy_(mixer.project.weight)
        block.conv1d.weight.copy_(mixer.conv.weight[:, None])
        block.conv1d.bias.copy_(mixer.conv.bias)
        block.A_log.copy_(mixer.rate)
        block.dt_bias.copy_(mixer.step_bias)
        block.D.copy_(mixer.skip)
        block.out_proj.weight.copy_(mixer.out.weight)
    assert_close(mixer.mix(x, None)[0], block(x), rtol=0, atol=1e-5)


def test_mamba_of_transformers():
    theirs = pytest.importorskip("transformers.models.mamba.modeling_mamba")
    config = pytest.importorskip("transformers").MambaConfig(
        hidden_size=16, state_size=16, num_hidden_layers=1
    )
    block, mixer, x = theirs.MambaMixer(config, 0).float(), made("mamba").float(), draw(2, 21, 16).float()
    with torch.no_grad():
        block.in_proj.weight.copy_(mixer.project.weight)
        block.conv1d.weight.copy_(mixer.conv.weight[:, None])
        block.conv1d.bias.copy_(mixer.conv.bias)
        block.x_proj.weight.copy_(mixer.select.weight)
        block.dt_proj.weight.copy_(mixer.step.weight)
        block.dt_proj.bias.copy_(mixer.step_bias)
        block.out_proj.weight.copy_(mixer.out.weight)
    assert_close(block.A_log, mixer.rate)
    assert_close(mixer.mix(x, None)[0], block(x), rtol=0, atol=1e-5)


def test_rg_lru_of_transformers():
    theirs = pytest.importorskip("transformers.models.recurrent_gemma.modeling_recurrent_gemma")
    config = pytest.importorskip("transformers").RecurrentGemmaConfig(
        hidden_size=16, lru_width=16, num_attention_heads=2
    )
    unit, mixer, x = theirs.RecurrentGemmaRglru(config), made("rg_lru").float(), draw(2, 21, 16).float()
    with torch.no_grad():
        mixer.keep_bias.normal_()
        mixer.input_bias.normal_()
        unit.recurrent_param.copy_(mixer.rate)
        unit.input_gate_weight.copy_(mixer.input.weight.mT)
        unit.input_gate_bias.copy_(mixer.input_bias.view(2, 8))
        unit.recurrent_gate_weight.copy_(mixer.keep.weight.mT)
        unit.recurrent_gate_bias.copy_(mixer.keep_bias.view(2, 8))
    expected = unit(x, torch.arange(21).unsqueeze(0))
    assert_close(mixer.recur(x, None), expected, rtol=0, atol=1e-5)
    half = mixer.recur(x[:, :9], None)
    assert_close(mixer.recur(x[:, 9:], half[:, -1]), expected[:, 9:], rtol=0, atol=1e-5)
