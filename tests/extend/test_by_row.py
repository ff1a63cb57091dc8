"""`extend.n=row`: each row is read at its own length, with a cache as without."""

import pytest
import torch
from tests.extend.test_contract import EXTENSIONS, TRAINED, decoder, extension
from tests.options import files, read
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.config.errors import UsageError
from lengen.decoder import Architecture, Decoder
from lengen.extend import Sizes
from lengen.extend.chosen import Chosen
from lengen.extend.dynamic_ntk import DynamicNTK
from lengen.extend.sharpen import Sharpen
from lengen.pe import PositionalEncoding
from lengen.pe.cable import CABLE
from lengen.positions.contiguous import Contiguous
from lengen.positions.offset import Offset

TIME = 2 * TRAINED + 3
PES = ("rope", "alibi", "t5", "fire", "learned", "nope")


def read_by(chosen, base, tokens, n=None, cache=None, first=0):
    """Logits of a decoder at `n` tokens, those that are read by default."""
    made, _ = chosen.of(base, Contiguous(), Sizes(TRAINED, TRAINED, n or TIME))
    places = torch.arange(first, first + tokens.shape[1]).unsqueeze(0)
    with torch.no_grad():
        return made(tokens, places, cache)


def applicable(path, **options):
    """The first decoder that an extension applies to row by row; None if there is none."""
    for pe in PES:
        for rule in ("softmax", "lssa"):
            base, chosen = decoder(pe, rule, **options), Chosen({path.stem: extension(path)}, n="row")
            try:
                chosen.fits(base, Contiguous(), Sizes(TRAINED, TRAINED, TIME))
            except UsageError:
                continue
            return base, chosen
    return None


def tokens():
    return torch.randint(11, (2, TIME), generator=torch.Generator().manual_seed(0))


@EXTENSIONS
def test_each_row_is_that_of_its_length_and_cached_decoding_is_a_full_pass(path):
    """In the last layer of a decoder of one layer, row i of a swept evaluation at i + 1 tokens is what row i is at its own length."""
    found = applicable(path, layers=1)
    if found is None:
        slot = read(path)[0].slot
        assert slot in ("positions", "visibility", "state", "gates"), (
            "every other extension can be read by row"
        )
        return
    base, chosen = found
    drawn = tokens()
    whole = read_by(chosen, base, drawn)
    swept = Chosen(chosen.extensions)
    if type(base.pe).embed is PositionalEncoding.embed:  # else earlier rows are embedded at their own lengths
        for row in (0, TRAINED - 1, TRAINED, TIME - 1):
            alone = read_by(swept, base, drawn[:, : row + 1], n=row + 1)[:, -1]
            assert_close(whole[:, row], alone)
    deep, chosen = applicable(path)
    whole, cache = read_by(chosen, deep, drawn), DecoderCache()
    made, _ = chosen.of(deep, Contiguous(), Sizes(TRAINED, TRAINED, TIME))
    parts = []
    for start, end in ((0, 5), (5, 6), (6, TRAINED + 2), (TRAINED + 2, TIME)):
        with torch.no_grad():
            parts.append(made(drawn[:, start:end], torch.arange(start, end).unsqueeze(0), cache))
    assert_close(torch.cat(parts, 1), whole)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("yarn", {"factor": 2.0}), ("ntk", {"factor": 2.0}), ("sharpen", {"factor": 1.5}), ("log_n", {}), ("rerope", {}),
        ("alibi_slopes", {"factor": 0.5}), ("entmax", {}), ("adaptive_temperature", {}), ("p_rope", {}),
    ],
)  # fmt: skip
def test_without_a_rule_of_length_it_is_swept(name, options):
    (path,) = [path for path in files("extend") if path.stem == name]
    base, _ = applicable(path)
    made, drawn = extension(path, **options), tokens()
    found = [read_by(Chosen({name: made}, n=n), base, drawn) for n in ("row", "swept")]
    assert_close(*found)


def test_with_a_rule_of_length_rows_within_training_are_as_trained():
    base, drawn = decoder("rope"), tokens()
    row, swept = (read_by(Chosen({"it": DynamicNTK()}, n=n), base, drawn) for n in ("row", "swept"))
    trained = read_by(Chosen(), base, drawn)
    assert_close(row[:, :TRAINED], trained[:, :TRAINED])
    assert (row[:, TRAINED:] - trained[:, TRAINED:]).abs().max() > 1e-3
    assert (swept[:, :TRAINED] - trained[:, :TRAINED]).abs().max() > 1e-3


def test_what_cannot_be_read_by_row_is_refused_by_name():
    sizes = Sizes(TRAINED, TRAINED, TIME)
    chosen = Chosen({"it": DynamicNTK()}, n="row")
    with pytest.raises(UsageError, match="contiguous"):
        chosen.fits(decoder("rope"), Offset(10), sizes)
    made = Decoder(Architecture(dim=32, heads=4), 11, CABLE, Softmax)
    with pytest.raises(UsageError, match="of positions alone"):
        Chosen({"it": Sharpen()}, n="row").fits(made, Contiguous(), sizes)
