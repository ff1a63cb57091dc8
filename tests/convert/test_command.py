"""`lengen export`: what transformers reads from the folder is the run, and mistakes are one line."""

import pytest
import torch
from tests.conftest import TINY, run_folders, train

pytestmark = pytest.mark.whole_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    train(folder, ("task=copy", "pe=rope", *TINY))
    (run,) = run_folders(folder)
    return run


def test_transformers_reads_the_run(lengen, trained):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import lengen as api

    ran = lengen("export", f"run={trained}", "to=out")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("out: arcee; largest difference of logits ")
    model, tokenizer = (kind.from_pretrained("out") for kind in (AutoModelForCausalLM, AutoTokenizer))
    tokens = tokenizer("abcab", return_tensors="pt").input_ids
    decoder = api.load(trained).decoder
    with torch.no_grad():
        own = decoder(tokens, torch.arange(tokens.shape[1]).unsqueeze(0))
        torch.testing.assert_close(model(tokens).logits, own, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "run=: must be given"),
        (("run={run}",), "to=: must be given"),
        (("run={run}", "to={run}"), "already exists; nothing was changed"),
        (("run={run}", "to=out", "format=gpt2"), "must be pe=learned, sinusoidal or nope"),
        (("run={run}", "to=out", "format=lama"), "did you mean 'llama'"),
        (
            ("run={run}", "to=out", "checkpoint=first"),
            "lengen: checkpoint=first: must be one of last, best, average",
        ),
        (("run={run}", "to=out", "checkpoint=average"), "kept no checkpoints by step"),
        (("run=nothing", "to=out"), "nothing"),
        (("run={run}", "to=out", "formt=gpt2"), "did you mean 'format'"),
    ],
)
def test_mistakes_are_one_line(lengen, trained, tmp_path, words, said):
    ran = lengen("export", *(word.format(run=trained) for word in words))
    assert ran.code == 2, ran.out
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_equal_is_not_written(lengen, trained, tmp_path, monkeypatch):
    from lengen.convert.llama import Arcee

    convert = Arcee.convert

    def wrong(self, source):
        model = convert(self, source)
        model.weights["model.norm.weight"] = model.weights["model.norm.weight"] * 1.001
        return model

    monkeypatch.setattr(Arcee, "convert", wrong)
    with pytest.raises(RuntimeError, match="is not equal to the decoder"):
        lengen("export", f"run={trained}", "to=out")
    assert not (tmp_path / "out").exists()
