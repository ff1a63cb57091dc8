"""Build a model of transformers, and its tokenizer. The library is imported here alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lengen.config.errors import UsageError
from lengen.convert import Model
from lengen.task import BOS, EOS, PAD, SPECIAL, Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def library() -> Any:
    """Return transformers.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import transformers
    except ImportError:
        raise UsageError("lengen export needs transformers: pip install 'lengen[transformers]'") from None
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # of a few files of one megabyte
    return transformers


def load_model(model: Model) -> PreTrainedModel:
    """Build a model in evaluation mode, with the weights given and biases of 0.

    Raises:
        UsageError: transformers is not installed, or too old to know the architecture.
    """
    transformers = library()
    kind = getattr(transformers, model.architecture, None)
    if kind is None:
        raise UsageError(
            f"transformers {transformers.__version__}: has no {model.architecture}; must be 5 or newer"
        )
    made: PreTrainedModel = kind(kind.config_class(**model.options)).eval()
    given = dict(model.weights)
    with torch.no_grad():
        head = made.get_output_embeddings()  # type: ignore[no-untyped-call]
        assert head is not None
        for name, weight in made.named_parameters():
            if weight is head.weight:
                weight.copy_(model.head)
            elif name.endswith(".bias"):
                weight.zero_()
            else:
                weight.copy_(given.pop(name))
    assert not given, f"{model.architecture} has no {', '.join(given)}"
    made.generation_config = transformers.GenerationConfig(
        do_sample=False, bos_token_id=made.config.bos_token_id, eos_token_id=EOS, pad_token_id=PAD
    )
    return made


def make_tokenizer(vocabulary: Vocabulary, *, bos: bool) -> PreTrainedTokenizerFast | None:
    """Return a tokenizer whose tokens are the symbols, with spaces between them; without spaces if each is one character.

    Args:
        vocabulary: the symbols.
        bos: whether texts start with a bos token.

    Returns:
        None where symbols have several characters and some of them have spaces, so that a text says not where they end.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    single = all(len(symbol) == 1 for symbol in vocabulary.symbols)
    if not single and any(symbol.split() != [symbol] for symbol in vocabulary.symbols):
        return None
    made = Tokenizer(models.WordLevel(vocabulary.ids, unk_token=SPECIAL[PAD]))
    made.pre_tokenizer = (
        pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated") if single else pre_tokenizers.WhitespaceSplit()
    )
    if single:
        made.decoder = decoders.Fuse()
    if bos:
        made.post_processor = processors.TemplateProcessing(
            single=f"{SPECIAL[BOS]} $A", special_tokens=[(SPECIAL[BOS], BOS)]
        )
    tokenizer: PreTrainedTokenizerFast = library().PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=SPECIAL[BOS],
        eos_token=SPECIAL[EOS],
        pad_token=SPECIAL[PAD],
        padding_side="left",
    )
    return tokenizer
