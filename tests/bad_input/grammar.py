"""Words that Hydra cannot parse, empty values, sweeps without values, references that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from bad_input import Line

UNPARSED = ("seed=[1", "seed={a", "seed='1", 'seed="1', "seed=1=2", "seed=(", "seed=)", "seed=${", "seed=1]", "seed=🙂",
            "seed=\uff11", "seed=[1,,2]", "seed=a#b{", "seed=range(", "seed=choice()", "seed=sort(1", "seed=1\x01(")  # fmt: skip
KEYLESS = ("seed", "=1", "=", "", " ", "🙂", "[1]", "seed:1", "3")
SWEEPS = ("seed=range(0)", "seed=range(3,1)", "seed=range(0,1,0)", "seed=range(1000000000)", "seed=range(0,1000000,0.001)",
          "seed=interval(0,1)", "seed=tag(a,interval(0,1))", "seed=glob(*)", "seed=1,,2", "optimizer.lr=interval(.001,.1)",
          "pe=interval(0,1)", "pe=nope,zz", "pe=shuffle(nope,zz)", "pe=range(3)", "task=copy,''")  # fmt: skip
LOOPS = (
    "{0}=${{{0}}}",
    "{0}=${{zz_nothing}}",
    "{0}=${{zz.nothing}}",
    "{0}=${{oc.env:LENGEN_ZZ}}",
    "{0}=${{zz:1}}",
)
EMPTY = ("seed", "steps", "name", "results_dir", "train_length", "decoder.dim", "trainer.threads", "eval.lengths", "eval",
         "limits.memory", "eval.stress", "optimizer.lr", "task.digits")  # fmt: skip


def lines() -> Iterator[Line]:  # noqa: C901, PLR0912  # a list of kinds
    """Yield the command lines."""
    for word in UNPARSED:
        yield Line(("train", word), "seed", "it cannot be parsed")
    for word in KEYLESS:
        for command in ("train", "plan"):
            yield Line((command, word), "option=value", "it is no option=value")
    for word in SWEEPS:
        for flag in ("-m", "--multirun"):
            yield Line(
                ("train", flag, word), word.partition("=")[0], "a sweep without values, or with too many"
            )
    for word in ("seed=1,2", "pe=nope,rope", "seed=range(3)", "decoder.dim=16,32", "pe=glob(*)"):
        yield Line(("train", word), word.partition("=")[0], "several values need -m")
    for shape in LOOPS:
        for option in ("seed", "decoder.dim", "optimizer.lr", "results_dir", "name"):
            yield Line(("train", shape.format(option)), option, "it refers to itself, or to nothing")
        yield Line(("plan", shape.format("cells")), "cells", "it refers to itself, or to nothing")
        yield Line(("compare", shape.format("margin")), "margin", "it refers to itself, or to nothing")
        yield Line(("data", shape.format("count")), "count", "it refers to itself, or to nothing")
    yield Line(("train", "seed=${steps}", "steps=${seed}"), "refers to itself", "they refer to each other")
    for option in EMPTY:
        yield Line(("train", f"{option}="), f"{option}=", "it has no value")
    for command, option in (("eval", "run"), ("eval", "name"), ("compare", "runs"), ("compare", "out"), ("compare", "by"),
                            ("compare", "where"), ("plan", "cells"), ("data", "count"), ("data", "export")):  # fmt: skip
        yield Line((command, f"{option}="), f"{option}=", "it has no value")
    for option in (
        "seed",
        "steps",
        "eval",
        "labels",
        "results_dir",
        "train_length",
        "decoder.dim",
        "eval.lengths",
    ):
        yield Line(("train", f"~{option}"), f"~{option}", "an option cannot be removed")
    for option in ("run", "eval", "trainer", "trainer.threads", "task"):
        yield Line(("eval", "run=nowhere", f"~{option}"), f"~{option}", "an option cannot be removed")
    for option in ("runs", "by", "out", "margin", "metric"):
        yield Line(("compare", f"~{option}"), f"~{option}", "an option cannot be removed")
