"""Runs made up for tests of theory: their options are those of the YAML files, and their curves are given."""

from tests.options import CONFIGS, content
from tests.report.curves import curve

from lengen.comparison.run_record import RunRecord

LENGTHS = (5, 10, 20, 40, 80)


def of_group(group, name):
    """The values of a YAML under the name of its group."""
    held = content(CONFIGS / group / f"{name}.yaml")
    return dict(held.get(group, held))


def options(task="parity", mixer="deltanet", attention="softmax", pattern=None, parts=None, **changes):
    """A configuration as a run keeps it: `task__scratchpad="none"` is task.scratchpad; a pattern has the mixers of its layers.

    `parts` are the options of those whose names in the pattern are no mixers.
    """
    groups = {"task": of_group("task", task), "decoder": of_group("decoder", "base")}
    if pattern:
        groups["mixer"] = {
            "_target_": "lengen.mixer.pattern.Pattern",
            "pattern": list(pattern),
            "parts": {name: (parts or {}).get(name) or of_group("mixer", name) for name in pattern},
        }
    else:
        groups["mixer"] = of_group("mixer", mixer)
    labels = {
        "task": task,
        "pe": "nope",
        "attention": attention,
        "mixer": "-".join(pattern) if pattern else mixer,
    }
    for name, value in changes.items():
        group, _, option = name.partition("__")
        assert option in groups[group], name
        groups[group][option] = value
    return {**groups, "labels": labels, "train_length": 10, "seed": 0, "eval": {"lengths": list(LENGTHS)}}


def run(shares=(1.0, 1.0, 1.0, 1.0, 1.0), seed=0, cell="c0", lengths=LENGTHS, examples=1000, **changes):
    """A run with a share of right answers at each length; None diverged."""
    config = options(**changes)
    shared = {"task": config["labels"]["task"], "seed": seed, "cell": cell, "examples": examples}
    facts = {
        "status": "finished" if shares else "diverged",
        "id_exact_match": shares[1] if shares else None,
        "protocol": {"examples": examples, "train_length": 10},
    }
    at = dict(zip(lengths, shares or (), strict=bool(shares)))
    return RunRecord(f"runs/{cell}/seed={seed}", cell, str(seed), config, facts, curve(at, **shared))
