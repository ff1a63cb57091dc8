"""Greedy decoding with the cache gives the verdicts of one teacher-forced pass."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from tests.options import built, files, named, read
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.decoding import greedy
from lengen.evaluation.metrics import exact_match, first_error, right
from lengen.evaluation.scoring import score
from lengen.pe.rope import RoPE
from lengen.positions.abacus import Abacus
from lengen.positions.contiguous import Contiguous
from lengen.positions.coupled import Coupled
from lengen.positions.randomized import Randomized
from lengen.task import EOS, PAD, Batch
from lengen.task.addition import Addition
from lengen.task.many_addition import ManyAddition
from lengen.task.passkey import Passkey


def tasks():
    """The task of every YAML, and the tasks inside it."""
    for path in files("task"):
        yield pytest.param(built(*read(path)), id=path.stem)


TASKS = pytest.mark.parametrize("task", list(tasks()))


def decoder(pe, batch, **options):
    """A small decoder in float64 whose next token hangs on all that was read and on where it stood.

    At initialisation a token's own embedding outweighs the rest; here blocks and encodings are made to matter.
    """
    torch.manual_seed(0)
    made = Decoder(Architecture(dim=32, **options), len(batch.vocabulary), pe, Softmax).double().eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith(("out.weight", "down.weight", "query.weight")):
                weight.mul_(3)
        for weight in made.pe.parameters():
            weight.normal_()
    return made


def draw(task, rows=6, lengths=(2, 5)):
    """Examples of several lengths in one batch, with bos: prompts and answers of different sizes."""
    parts = [task.sample(length, rows, torch.Generator().manual_seed(length)) for length in lengths]
    return Batch.join(parts).begin()


def placer(positions, batch):
    """Positions of the batch with other tokens; random ones are the same at every call."""
    return lambda tokens: positions(
        replace(batch, tokens=tokens), torch.Generator().manual_seed(9), training=False
    )


def teacher(made, batch, place):
    """The likeliest token at every place, given the true tokens before it."""
    with torch.no_grad():
        logits = made(batch.tokens, place(batch.tokens))
    return torch.nn.functional.pad(logits[:, :-1].argmax(-1), (1, 0))


def own_answers(made, batch, place):
    """The batch with the decoder's own answers, found by the definition: a full pass for every token."""
    tokens = batch.tokens.masked_fill(batch.answer, PAD)
    with torch.no_grad():
        for time in range(1, batch.time):
            read = tokens[:, :time]
            written = made(read, place(tokens)[:, :time])[:, -1].argmax(-1)
            tokens[:, time] = torch.where(batch.answer[:, time], written, tokens[:, time])
    return replace(batch, tokens=tokens)


def check(made, batch, positions):
    """Greedy and teacher-forced agree on the task's answers, on the decoder's own, and on those with one fault."""
    place = placer(positions, batch)
    written = greedy(made, batch.tokens, batch.answer, place)
    assert_agree(made, batch, place, written)

    own = own_answers(made, batch, place)
    assert torch.equal(written, own.tokens)
    assert assert_agree(made, own, place, written).all()

    chance, tokens = torch.Generator().manual_seed(1), own.tokens.clone()
    faulty = torch.arange(len(batch)) % 2 == 1
    for row in faulty.nonzero().flatten():
        places = batch.answer[row].nonzero().flatten()
        at = places[torch.randint(len(places), (), generator=chance)]
        step = torch.randint(1, len(batch.vocabulary), (), generator=chance)
        tokens[row, at] = (tokens[row, at] + step) % len(batch.vocabulary)
    mixed = replace(batch, tokens=tokens)
    again = greedy(made, mixed.tokens, mixed.answer, place)
    assert torch.equal(assert_agree(made, mixed, place, again), ~faulty)
    return own


def assert_agree(made, batch, place, written):
    """The same verdicts and first errors; equal tokens up to and including the first error."""
    given = teacher(made, batch, place)
    assert torch.equal(written[~batch.answer], batch.tokens[~batch.answer])
    forced, decoded = (right(predicted, batch.tokens, batch.answer) for predicted in (given, written))
    errors = first_error(forced, batch.answer)
    assert torch.equal(first_error(decoded, batch.answer), errors)
    for row, error in enumerate(errors.tolist()):
        places = batch.answer[row].nonzero().flatten()
        until = places if error < 0 else places[: error + 1]
        assert torch.equal(written[row, until], given[row, until])
    verdicts = exact_match(forced, batch.answer)
    assert torch.equal(exact_match(decoded, batch.answer), verdicts)
    return verdicts


@TASKS
def test_greedy_equals_teacher_forced(task):
    """With one encoding for all tasks, as below with one task for all encodings: they meet in tokens and positions alone."""
    batch = draw(task)
    check(decoder(RoPE, batch), batch, Contiguous())


@pytest.mark.parametrize("pe", [pe for pe in named("pe") if not pe.values[0].func.streams])
def test_ragged_prompts(pe):
    batch = draw(Addition(operands="uneven", pad="none"))
    assert len((~batch.answer & (batch.tokens != PAD)).sum(1).unique()) > 3
    own = check(decoder(pe, batch, loops=2, inject=True), batch, Contiguous())
    assert len(own.tokens[own.answer].unique()) > 2  # the decoder writes more than one thing over and over


def pairs():
    """Every encoding with all positions that it is defined for."""
    for pe, scheme in product(named("pe"), named("positions")):
        kind, positions = pe.values[0].func, scheme.values[0]()
        if (
            kind.streams == positions.streams
            and (positions.counts or kind.reads)
            and (positions.increasing or not kind.distances)
            and (positions.whole or not kind.whole)
        ):
            yield pytest.param(pe.values[0], positions, id=f"{pe.id}-{scheme.id}")


@pytest.mark.parametrize(("pe", "positions"), list(pairs()))
def test_every_encoding_with_all_its_positions(pe, positions):
    batch = draw(
        ManyAddition(length_of="digits", other=2, sizes="uneven", pad="none"), rows=3, lengths=(1, 3)
    )
    check(decoder(pe, batch), batch, positions)


@pytest.mark.parametrize(("pe", "positions"), list(pairs()))
def test_cached_logits_equal_full(pe, positions):
    """Token by token and in pieces, short problems beside some of eight times their length."""
    batch = draw(ManyAddition(length_of="digits", other=2), rows=2, lengths=(1, 2, 8))
    made, place = decoder(pe, batch), placer(positions, batch)(batch.tokens)
    chunks = [3, 1, 1, 1, batch.time - 9, 1, 1, 1]
    with torch.no_grad():
        full, cache = made(batch.tokens, place), DecoderCache()
        parts = zip(batch.tokens.split(chunks, 1), place.split(chunks, 1), strict=True)
        steps = [made(tokens, where, cache) for tokens, where in parts]
    assert_close(torch.cat(steps, 1), full, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("positions", "task"),
    [
        (Abacus(), Addition(order="little_endian", operands="uneven", pad="none")),
        (Abacus(), Addition(order="little_endian", scratchpad="columns")),
        (Abacus(), Passkey()),
        (Coupled(), Addition(operands="uneven", pad="none")),
        (Coupled(), Passkey()),
    ],
    ids=["abacus-ragged", "abacus-columns", "abacus-passkey", "coupled-ragged", "coupled-passkey"],
)
def test_positions_that_come_from_tokens(positions, task):
    batch = draw(task)
    check(decoder(RoPE, batch), batch, positions)


def test_positions_matter():
    """The other tests can fail: with the positions of another scheme the same decoder writes something else."""
    batch = draw(Addition(order="little_endian", operands="uneven", pad="none"))
    for pe in named("pe"):
        if pe.id in {"learned", "sinusoidal", "rope"}:
            made = decoder(pe.values[0], batch)
            written = [
                greedy(made, batch.tokens, batch.answer, placer(positions, batch))
                for positions in (Contiguous(), Abacus())
            ]
            assert not torch.equal(*written)


def test_the_given_answer_is_not_read():
    batch = draw(Addition(operands="uneven", pad="none"))
    made, place = decoder(next(named("pe")).values[0], batch), placer(Contiguous(), batch)
    hidden = batch.tokens.masked_fill(batch.answer, 5)
    before = hidden.clone()
    assert torch.equal(
        greedy(made, hidden, batch.answer, place), greedy(made, batch.tokens, batch.answer, place)
    )
    assert torch.equal(hidden, before)  # nor written to


def test_every_token_is_read_once():
    """The shortest prompt in one pass, then a token a step; the last is never read."""
    batch, read = draw(Addition(operands="uneven", pad="none")), []
    made = decoder(next(named("pe")).values[0], batch)
    made.register_forward_hook(lambda module, inputs, output: read.append(inputs[0].shape[1]))
    greedy(made, batch.tokens, batch.answer, placer(Contiguous(), batch))
    shortest = int(batch.answer.long().argmax(1).min())
    assert read == [shortest] + [1] * (batch.time - shortest - 1)


def test_nothing_to_write():
    batch = draw(Addition())
    made, nothing = decoder(next(named("pe")).values[0], batch), torch.zeros_like(batch.answer)
    assert torch.equal(greedy(made, batch.tokens, nothing, placer(Contiguous(), batch)), batch.tokens)


def passes(made, work):
    """Rows, first column and columns of every pass of a decoder."""
    read = []

    def keep(_, given, options, __):
        cache = given[2] if len(given) > 2 else options.get("cache")
        end = 0 if cache is None else cache.tokens
        read.append((len(given[0]), end - given[0].shape[1] if end else 0, given[0].shape[1]))

    handle = made.register_forward_hook(keep, with_kwargs=True)
    result = work()
    handle.remove()
    return read, result


def test_rows_whose_answers_are_complete_leave_the_batch():
    parts = [Passkey().sample(4, 6, torch.Generator()), Addition().sample(4, 2, torch.Generator())]
    short, long = (batch.begin() for batch in parts)
    tokens = torch.full((8, 30), PAD)
    answer = torch.zeros(8, 30, dtype=torch.bool)
    tokens[:, :8], answer[:6, 8:11], answer[6:, 8:24] = torch.randint(4, 9, (8, 8)), True, True
    made = decoder(RoPE, short if len(short.vocabulary) > len(long.vocabulary) else long)
    place = torch.arange(30).unsqueeze(0)
    read, written = passes(made, lambda: greedy(made, tokens, answer, lambda _: place))
    assert read == [(8, 0, 8), *((8, time, 1) for time in (8, 9)), *((2, time, 1) for time in range(10, 23))]
    alone = greedy(made, tokens[6:], answer[6:], lambda _: place)
    assert torch.equal(written[6:], alone)


@pytest.mark.parametrize("pe", [pe for pe in named("pe") if not pe.values[0].func.streams])
@pytest.mark.parametrize("fixed", [True, False])
def test_rows_that_leave_change_nothing_for_others(pe, fixed):
    """Rows with positions of their own, beside others and alone."""
    batch = draw(Addition(operands="uneven", pad="none"), lengths=(1, 6))
    made, scheme = decoder(pe, batch), Randomized(64)
    place = placer(scheme, batch)
    together = greedy(made, batch.tokens, batch.answer, place, fixed=fixed)
    assert torch.equal(together, own_answers(made, batch, place).tokens)


def test_rows_that_have_ended_leave_where_they_may():
    """The end token is written first: with `stop` nothing follows, without it the whole answer does."""
    batch = draw(Addition())
    made, place = decoder(RoPE, batch), placer(Contiguous(), batch)
    start = int(batch.answer.any(0).long().argmax())
    made.register_forward_hook(lambda _, __, logits: logits.index_fill(-1, torch.tensor(EOS), 9.0))
    ended, whole = (greedy(made, batch.tokens, batch.answer, place, stop=stop) for stop in (0, None))
    assert (whole[batch.answer] == EOS).all()
    assert (ended[batch.answer] == EOS).sum() == len(batch)
    read, _ = passes(made, lambda: greedy(made, batch.tokens, batch.answer, place, stop=0))
    assert read[0][2] == start


def own_batch(made, batch, positions):
    """The examples with the decoder's own answers in every second row, and both without bos."""
    own = own_answers(made, batch.begin(), placer(positions, batch.begin()))
    mixed = torch.where(torch.arange(len(batch)).unsqueeze(1) % 2 == 1, own.tokens[:, 1:], batch.tokens)
    return replace(batch, tokens=mixed)


@pytest.mark.parametrize("pe", [pe for pe in named("pe") if not pe.values[0].func.streams])
def test_prompts_are_read_once_and_the_loss_is_that_of_teacher_forcing(pe):
    """Rows that are right have been heard while they were decoded; the others are read once more behind their prompts."""
    task, positions = Passkey(), Contiguous()
    batch = task.sample(5, 8, torch.Generator().manual_seed(5))
    made = decoder(pe, batch)
    batch = own_batch(made, batch, positions)
    teacher = score(made, batch, positions, ("key",), "teacher")
    read, found = passes(made, lambda: score(made, batch, positions, ("key",), "greedy"))
    assert torch.equal(found.exact, teacher.exact)
    assert found.exact[1::2].all()
    assert not found.exact.all()
    assert found.loss == pytest.approx(teacher.loss, abs=2e-6)
    start = int(batch.begin().answer.any(0).long().argmax())
    assert [rows for rows, first, _ in read if not first] == [8]  # all prompts, in one pass
    again = [(rows, columns) for rows, first, columns in read[1:] if first == start]
    assert (int((~found.exact).sum()), batch.begin().time - start - 1) in again


def test_positions_are_made_once_where_tokens_do_not_change_them():
    batch, calls = Passkey().sample(5, 8, torch.Generator()), []
    made = decoder(RoPE, batch)

    class Counting(Contiguous):
        def __call__(self, batch, generator, *, training):
            calls.append(batch.time)
            return super().__call__(batch, generator, training=training)

    class Moving(Counting):
        reads_tokens = True

    for scheme, count in ((Counting, 2), (Moving, 1 + int(batch.answer.any(0).sum()))):
        calls.clear()
        score(made, batch, scheme(), ("key",), "greedy")
        assert len(calls) == count  # of the examples, and of what is written
