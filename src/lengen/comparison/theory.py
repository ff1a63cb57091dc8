"""What theory says that decoders can do: classes of decoders, families of tasks, and what holds of a run.

One YAML in `configs/theory/` is a class of decoders, one in `configs/family/` a family of tasks (`lengen.comparison.theory_files`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lengen.comparison.conditions import Condition
from lengen.comparison.run_record import RunRecord
from lengen.config.aliases import current
from lengen.config.errors import require
from lengen.config.pattern_words import GROUP, INSIDE, OPTION, PARTS


@dataclass(frozen=True)
class Statement:
    """What theory says of a class of decoders and a family of tasks.

    Args:
        verdict: whether such decoders can do such tasks at every length: `yes`, `no`, `conditional`, or `open`.
        source: paper, with theorem or section where one is known; or how the verdict is derived.
        kind: a `proof`; a `construction` of such a decoder; a `claim` of the source; or an `inference` from the source.
        evidence: `paper`, read in the source; `computed`, checked by numbers; `derived` from what was read; `second-hand`, not read in
            the source itself.
        condition: in words, under what the verdict holds, or what is open; a conditional verdict needs it.
        when: conditions on a run, as in `where=`, that say the same as the words, where options can.
        then: `yes` or `no`: the verdict where all of them hold.
    """

    verdict: Literal["yes", "no", "conditional", "open"]
    source: str
    kind: Literal["proof", "construction", "claim", "inference"]
    evidence: Literal["paper", "computed", "derived", "second-hand"]
    condition: str = ""
    when: list[str] = field(default_factory=list)
    then: Literal["yes", "no"] | None = None

    def check(self) -> None:
        """Refuse a statement that is not whole.

        Raises:
            UsageError: names what is missing.
        """
        require(bool(self.source.strip()), "source is empty: must be a paper, or how the verdict is derived")
        conditional = self.verdict == "conditional"
        require(
            not conditional or bool(self.condition), "verdict=conditional: condition must say it in words"
        )
        require(conditional or not self.when, f"verdict={self.verdict}: only conditional verdicts have when")
        require(
            bool(self.when) == (self.then is not None),
            "when and then must be given together: conditions, and the verdict (yes, no) where they hold",
        )


@dataclass(frozen=True)
class DecoderClass:
    """A class of decoders: those of which every layer is a member.

    Args:
        members: each a list of conditions, as in `where=`, that a layer and its run meet.
        layers: in place of members, classes: every layer is a member of one, and each of them has a layer.
        verdicts: by family of tasks.
        like: in place of verdicts, the class whose verdicts hold.
        silent: in place of verdicts, why there is no statement.
    """

    members: list[list[str]] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    verdicts: Mapping[str, Statement] = field(default_factory=dict)
    like: str | None = None
    silent: str | None = None


@dataclass(frozen=True)
class TaskFamily:
    """A family of tasks.

    Args:
        members: each a list of conditions, as in `where=`, that a run meets.
        like: the family that these tasks join, if they are none of their own.
    """

    members: list[list[str]]
    like: str | None = None


@dataclass(frozen=True)
class Prediction:
    """What theory says of a run: the verdict of its class of decoders on its family of tasks.

    Args:
        decoder_class: name of the class.
        family: name of the family.
        verdict: `yes`, `no`, `conditional` or `open`, with the options of the run taken into account.
        statement: where it is from.
    """

    decoder_class: str
    family: str
    verdict: str
    statement: Statement


@dataclass(frozen=True)
class Theory:
    """All classes of decoders and families of tasks.

    Args:
        classes: by name, the user's own first.
        families: by name, the user's own first.
        defaults: by group, the option of runs that were made before there was the group.
        names: by group, names of options by the class that they build: parts of a pattern have names of their own.
    """

    classes: Mapping[str, DecoderClass]
    families: Mapping[str, TaskFamily]
    defaults: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def statements(self, name: str) -> Mapping[str, Statement]:
        """Return the statements of a class by family, or those of the class that it is like."""
        made = self.classes[name]
        return self.classes[made.like].verdicts if made.like else made.verdicts

    def classes_of(self, run: RunRecord) -> list[str]:
        """Return the classes of the decoder of a run."""
        layers = self.layers_of(run)
        return [name for name in self.classes if self._holds(name, layers)]

    def families_of(self, run: RunRecord) -> list[str]:
        """Return the families of the task of a run."""
        found = [
            each.like or name
            for name, each in self.families.items()
            if any(all_hold(conditions, run) for conditions in each.members)
        ]
        return list(dict.fromkeys(found))

    def prediction(self, run: RunRecord) -> Prediction | None:
        """Return what theory says of a run; None if it says nothing.

        Of several classes, the first that says something of the task counts: the user's own come first.
        """
        families = self.families_of(run)
        for name in self.classes_of(run) if families else ():
            statements = self.statements(name)
            for family in families:
                if statement := statements.get(family):
                    met = all(all_hold(statement.when, layer) for layer in self.layers_of(run))
                    verdict = statement.then if statement.then and met else statement.verdict
                    return Prediction(name, family, verdict, statement)
        return None

    def _holds(self, name: str, layers: Sequence[RunRecord]) -> bool:
        """Whether layers make a decoder of a class."""
        kinds = self.classes[name].layers or [name]
        return all(any(self._is_member(kind, layer) for kind in kinds) for layer in layers) and all(
            any(self._is_member(kind, layer) for layer in layers) for kind in kinds
        )

    def _is_member(self, name: str, layer: RunRecord) -> bool:
        """Whether a layer is a member of a class, or of one that is like it."""
        return any(
            all_hold(conditions, layer)
            for each, made in self.classes.items()
            if name in (each, made.like)
            for conditions in made.members
        )

    def layers_of(self, run: RunRecord) -> list[RunRecord]:
        """Return the run once for each different mixer in it, as if it were that of all layers."""
        node, labels = run.config.get(GROUP), {**self.defaults, **run.config["labels"]}
        if not isinstance(node, Mapping) or not node.get(OPTION):
            return [replace(run, config={**run.config, "labels": labels})]
        count = run.config.get("decoder", {}).get("layers", len(node[OPTION]))
        layers = []
        for part in dict.fromkeys(node[OPTION][:count]):
            own = (node.get(PARTS) or {}).get(part) or {}
            inside = {group: self._name(group, own[group]) for group in INSIDE if own.get(group)}
            named = {**labels, GROUP: self._name(GROUP, own), **inside}
            layers.append(replace(run, config={**run.config, "labels": named, GROUP: own}))
        return layers

    def _name(self, group: str, node: Mapping[str, Any]) -> str:
        """Return the name of an option by the class that it builds."""
        target = current(str(node.get("_target_")))
        return self.names.get(group, {}).get(target, target)


def all_hold(conditions: Iterable[str], run: RunRecord) -> bool:
    """Whether a run meets all conditions."""
    return all(Condition.parse(text).holds(run) for text in conditions)
