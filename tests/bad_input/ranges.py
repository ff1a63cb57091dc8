"""Values out of range, and combinations that are not defined."""

from __future__ import annotations

from collections.abc import Iterator

from bad_input import Line

TRAIN = {
    "steps": ("0", "-1"), "batch_size": ("0", "-5"), "seed": ("-1",), "init_seed": ("-1",),
    "data_seed": ("-2",), "decoder.layers": ("0", "-1"), "decoder.dim": ("0", "63"), "decoder.heads": ("0", "3"),
    "decoder.hidden": ("-0.1", "-1", "1e300", "inf", "nan"), "decoder.dropout": ("1", "-0.1", "inf"), "decoder.loops": ("0",),
    "trainer.threads": ("0",), "trainer.clip": ("-1", "nan"), "trainer.examples": ("0",), "trainer.log_every": ("0",),
    "trainer.probe_every": ("0",), "trainer.probe_examples": ("0",), "trainer.checkpoint_every": ("-1",),
    "eval.examples": ("0", "-1"), "eval.lengths": ("[]", "[0]", "[-1]", "[0x]", "[abc]", "[1.5]", "[range(0)]",
                                                  "[range(1,9,0)]", "[1x,zz]", "[null]", "[[1]]", "5x", "[1e3]"),
    "eval.stress": ("zz", "[zz]", "[depth=0.50,zz]"), "optimizer.schedule.warmup": ("-1",),
    "optimizer.schedule.final": ("2", "-1"), "optimizer.schedule": ("null", "3", "[1]"),
    "lengths.minimum": ("0", "31"), "lengths.per_batch": ("0",), "limits.memory": ("zz", "-1", "0", "8XB", "[1]", "1.5.2GB"),
}  # fmt: skip
"""Options of `train`: values that are out of range."""
PLAN = {"cells": ("0", "1", "-1"), "seeds": ("0", "101"), "end": ("1", "0.5", "inf"), "examples": ("0",),
        "margin": ("0", "-1", "9"), "alpha": ("0", "0.9")}  # fmt: skip
DATA = {"length": ("0", "-1"), "count": ("0", "-1")}
PARTS = (
    (("pe=rope", "pe.fraction=0.2"), "pe.fraction"), (("pe=alibi", "pe.slopes=[1.0,0.5]"), "pe.slopes"),
    (("pe=learned", "pe.maximum=0"), "pe.maximum"), (("pe=learned", "pe.maximum=3"), "pe.maximum"),
    (("pe=learned", "pe.std=-1"), "pe.std"), (("pe=rope", "pe.base=-1"), "pe.base"), (("pe=t5", "pe.buckets=0"), "pe.buckets"),
    (("pe=nope", "positions=randomized"), "positions"), (("pe=rope", "positions=multilevel"), "positions"),
    (("pe=multilevel", "positions=contiguous"), "positions"), (("pe=t5", "positions=random_steps"), "positions"),
    (("task=copy", "task.repeats=unique", "train_length=30"), "train_length"), (("task=sort", "eval.lengths=[10,200]"), "eval.lengths"),
    (("lengths=list", "lengths.values=[2,4]"), "train_length"),
    (("lengths=growing", "trainer.examples=100"), "trainer.examples"), (("lengths=list", "lengths.values=[]"), "lengths.values"),
    (("lengths=growing", "lengths.until=2"), "lengths.until"), (("lengths=cyclic", "lengths.cycles=0"), "lengths.cycles"),
    (("positions=offset", "pe=rope", "positions.maximum=-1"), "positions.maximum"), (("attention=window", "attention.window=0"), "attention.window"),
    (("pe._target_=os.system",), "pe._target_"), (("pe._target_=lengen.task.copy.Copy",), "pe._target_"),
    (("pe._target_=lengen.pe.nope.Zz",), "pe._target_"), (("pe._target_=3",), "pe._target_"), (("task._target_=zz.Zz",), "task._target_"),
    (("pe._target_=null",), "pe._target_"), (("task=dataset", "task.path=/nonexistent"), "task.path"),
    (("task=dataset", "task.path=lengen:zz"), "task.path"), (("task=dataset", "task.prompt=zz"), "task.prompt"),
    (("results_dir=/proc/none",), "/proc/none"), (("results_dir=/dev/null/x",), "/dev/null"), (("trainer.accelerator=mps",), "trainer.accelerator"),
)  # fmt: skip
"""Options of groups that do not fit: their words, and the option that the line names."""
OTHERS = (
    (("train", "train_length=0"), "training length, 0"), (("train", "train_length=-3"), "training length, -3"),
    (("data", "task=copy", "format=zz"), "format=zz"), (("data", "export=conf", "examples=0"), "examples"),
    (("data", "task=sort", "length=200"), "length=200"), (("check", "pe=nope", "train_length=-1"), "train_length"),
    (("eval", "run=nowhere", "inspect=attention"), "run=nowhere"), (("eval", "run=[nowhere,none]"), "run=nowhere"),
    (("eval", "run=nowhere", "against=x"), "against"), (("eval", "run=nowhere", "examples=0"), "lengen: examples=0"),
    (("eval", "run=nowhere", "lengths=[0]"), "lengths"), (("eval", "run=a=b"), "run=a=b"), (("eval", "run=a(b"), "run=a(b"),
    (("eval", "run=../../esc"), "run=../../esc"), (("eval", "run=nowhere", "trainer.threads=0"), "trainer.threads"),
    (("eval", "run=nowhere", "decode=zz"), "lengen: decode=zz"), (("eval", "run=nowhere", "checkpoint=zz"), "lengen: checkpoint=zz"),
    (("eval", "run=nowhere", "eval.checkpoint=zz"), "lengen: eval.checkpoint=zz"),
    (("compare", "runs=nowhere"), "nowhere"), (("compare", "metric=zz"), "metric"), (("compare", "x=zz"), "x=zz"),
    (("compare", "runs=[]"), "runs"), (("compare", "margin=none_of_these"), "margin"), (("compare", "runs=a=b"), "a=b"),
)  # fmt: skip


def lines() -> Iterator[Line]:  # a list of kinds
    """Yield the command lines."""
    for command, ranges in (("train", TRAIN), ("plan", PLAN), ("data", DATA)):
        for option, values in ranges.items():
            for value in values:
                yield Line((command, f"{option}={value}"), option, f"{value} is out of range")
    for words, named in PARTS:
        yield Line(("train", *words), named, "these do not fit")
    for words, named in OTHERS:
        yield Line(words, named, "out of range, or not there")
