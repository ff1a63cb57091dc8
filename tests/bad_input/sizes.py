"""What needs more memory than there is, and numbers of hundreds of digits."""

from __future__ import annotations

from collections.abc import Iterator

from bad_input import Line

HUGE = {
    "decoder.layers": ("100000", "1000000", "1000000000000"), "decoder.dim": ("1000000", "1000000000000"),
    "decoder.hidden": ("1e6", "9999"), "decoder.loops": ("1000000000",), "batch_size": ("1000000000", "1000000000000"),
    "train_length": ("100000", "1000000", "1000000000000"), "eval.lengths": ("[1000000000]", "[1000000000x]",
        "[range(1000000000)]", "[range(1,1000000000,3)]", "range(1000000)"), "eval.examples": ("1000000000", "1000000000000"),
    "trainer.probe_examples": ("1000000000000",), "trainer.examples": ("1000000000000",),
}  # fmt: skip
"""Options of `train`: values that no machine has the memory for."""
PARTS = (
    ("pe=learned", "pe.maximum"), ("pe=fire", "pe.hidden"), ("pe=t5", "pe.buckets"), ("pe=seqpe", "pe.width"), ("pe=cope", "pe.maximum"),
    ("pe=sandwich", "pe.width"), ("attention=urpe", "attention.buckets"), ("positions=offset", "positions.maximum"),
    ("positions=randomized", "positions.maximum"), ("task=copy", "task.alphabet"), ("task=passkey", "task.digits"),
    ("task=count_up", "task.numbers"), ("task=associative_recall", "task.keys"), ("task=associative_recall", "task.filler"),
    ("task=induction", "task.alphabet"), ("task=multiplication", "task.second"), ("task=pcfg", "task.limit"),
    ("format=aligned_blanks", "format.spacing"),
)  # fmt: skip
LONG = "9" * 400
"""A number of 400 digits."""


def lines() -> Iterator[Line]:  # noqa: C901  # a list of kinds
    """Yield the command lines."""
    for option, values in HUGE.items():
        for value in values:
            words = ("decoder.heads=1",) if option == "decoder.dim" else ()
            more = ("batch_size=1000000",) if value == "9999" else ()
            yield Line(("train", f"{option}={value}", *words, *more), option, "it does not fit into memory")
    for chosen, option in PARTS:
        yield Line(("train", chosen, f"{option}=1000000000000"), option, "it does not fit into memory")
    for option in ("seed", "steps", "decoder.dim", "decoder.layers", "batch_size", "train_length", "optimizer.lr",
                   "eval.examples", "trainer.threads", "decoder.hidden", "limits.memory", "task.digits"):  # fmt: skip
        yield Line(("train", f"{option}={LONG}"), option, "a number of 400 digits")
    for text in (f"[{LONG}]", f"[{LONG}x]", f"[range({LONG})]"):
        yield Line(("train", f"eval.lengths={text}"), "eval.lengths", "a number of 400 digits")
    yield Line(("train", f"seed={'9' * 5000}"), "seed", "a number of 5,000 digits")
    yield Line(("train", f"{'a' * 500}=1"), "aaaa", "an option of 500 letters")
    yield Line(("train", f"pe={'a' * 500}"), "pe=", "an option of 500 letters")
    for limit in ("1MB", "1", "0.5MB"):
        yield Line(("train", f"limits.memory={limit}"), f"limits.memory={limit}", "the decoder needs more")
    for command in ("data",):
        for words in (
            ("count=1000000000000",),
            ("count=1000000000", "length=1000"),
            ("length=1000000000000",),
        ):
            yield Line((command, *words), words[0].partition("=")[0], "it does not fit into memory")
        for words in (("eval.examples=1000000000000",), ("examples=1000000000000",), ("train_length=1000000000",),
                      ("eval.lengths=[1000000000]",)):  # fmt: skip
            yield Line(
                (command, "export=out", *words), words[0].partition("=")[0], "it does not fit into memory"
            )
    for option in ("cells", "seeds", "examples"):
        yield Line(("plan", f"{option}={LONG}"), option, "a number of 400 digits")
