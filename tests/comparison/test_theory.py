"""The table of theory: its files are whole, every mixer is in it, and it says of a run what its sources say."""

import pytest
import yaml
from tests.comparison.theory_runs import of_group, options, run
from tests.options import CONFIGS, choices, files, named, read

from lengen.comparison.run_record import RunRecord
from lengen.comparison.theory_files import check_folder, load_theory
from lengen.config.compose import TRAIN, Request
from lengen.config.errors import UsageError
from lengen.config.search import config_dir
from lengen.records.curve import Curve

THEORY = load_theory()
MIXERS = [path.stem for path in files("mixer") if path.stem != "pattern"]
SHORT = {"task__scratchpad": "none"}
TASKS = {
    "parity": {"task": "parity", **SHORT},
    "C5": {"task": "cycle_navigation", **SHORT},
    "C6": {"task": "modular_sum", "task__modulus": 6, **SHORT},
    "C4": {"task": "modular_sum", "task__modulus": 4, **SHORT},
    "S3": {"task": "word_problem", **SHORT},
    "D4": {"task": "d4", **SHORT},
    "A5": {"task": "a5", **SHORT},
    "S5": {"task": "word_problem", "task__generators": ["12340", "10234"], **SHORT},
    "flip-flop": {"task": "flip_flop"},
    "majority": {"task": "majority"},
    "count": {"task": "count"},
    "copy": {"task": "copy"},
}
NO, YES, IF, OPEN = "no", "yes", "conditional", "open"
SIGNED, UNSIGNED = {"mixer__negative_eigenvalues": True}, {"mixer__negative_eigenvalues": False}
EXPECTED = [  # of six layers
    ("attention", {}, (OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, NO, NO, OPEN, YES, IF, YES)),
    ("attention", {"decoder__layers": 1}, (OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, NO, NO, OPEN, YES, IF, IF)),
    ("attention", {"decoder__loops": 3}, (IF,) * 12),
    ("attention", {"attention": "window"}, (None,) * 12),
    ("s4d", {}, (NO, NO, NO, NO, NO, NO, NO, NO, NO, IF, IF, IF)),
    ("mamba", UNSIGNED, (NO, NO, NO, NO, NO, NO, NO, NO, YES, IF, IF, IF)),
    ("rg_lru", {}, (NO, NO, NO, NO, NO, NO, NO, NO, YES, IF, IF, IF)),
    ("mamba", SIGNED, (YES, NO, NO, OPEN, NO, NO, NO, NO, YES, IF, IF, IF)),
    ("retnet", {}, (NO, NO, NO, NO, NO, NO, NO, NO, None, None, None, IF)),
    ("deltanet", UNSIGNED, (NO, IF, NO, NO, None, None, None, None, YES, None, None, IF)),
    (
        "deltaproduct",
        {**UNSIGNED, "mixer__steps": 2},
        (NO, IF, NO, NO, None, None, None, None, YES, None, None, IF),
    ),
    ("deltaproduct", {**UNSIGNED, "mixer__steps": 3}, (None,) * 12),
    ("deltanet", SIGNED, (YES, YES, YES, YES, YES, YES, YES, YES, YES, None, None, IF)),
    (
        "deltanet",
        {**SIGNED, "decoder__layers": 1},
        (YES, IF, IF, IF, IF, IF, IF, IF, YES, None, None, IF),
    ),
    (
        "deltanet",
        {**SIGNED, "decoder__layers": 2},
        (YES, YES, YES, YES, YES, YES, IF, IF, YES, None, None, IF),
    ),
    (
        "deltaproduct",
        {**SIGNED, "mixer__steps": 2, "decoder__layers": 1},
        (YES, YES, YES, YES, YES, YES, YES, IF, YES, None, None, IF),
    ),
    (
        "deltaproduct",
        {**SIGNED, "mixer__steps": 4, "decoder__layers": 1},
        (YES, YES, YES, YES, YES, YES, YES, YES, YES, None, None, IF),
    ),
    ("rwkv7", {}, (IF, IF, IF, IF, IF, IF, IF, IF, YES, None, None, IF)),
    ("lstm", {}, (YES, YES, YES, YES, YES, YES, YES, YES, YES, YES, YES, IF)),
    ("gru", {}, (YES, YES, YES, YES, YES, YES, YES, YES, YES, IF, IF, IF)),
    ("convolution", {}, (None,) * 12),
]


def verdict(theory=THEORY, **changes):
    """What theory says of a run; None if nothing."""
    found = theory.prediction(run(**changes))
    return found and found.verdict


def test_the_shipped_files_are_whole():
    check_folder(THEORY, config_dir())


@pytest.mark.parametrize("path", files("theory"), ids=lambda path: path.stem)
def test_every_verdict_has_a_source_a_kind_and_an_evidence(path):
    written = yaml.safe_load(path.read_text())
    assert written.get("verdicts") or written.get("silent")
    for family, cell in written.get("verdicts", {}).items():
        assert {"verdict", "source", "kind", "evidence"} <= set(cell), family
        assert all(str(cell[name]).strip() for name in cell)
        assert cell["verdict"] in (YES, NO, IF, OPEN), "quoted, so that everybody reads a word"


@pytest.mark.parametrize("mixer", MIXERS)
def test_every_mixer_is_in_one_class(mixer):
    """A mixer that no class has needs a file of its own in configs/theory, which may say `like:` or `silent:`."""
    _, given = read(CONFIGS / "mixer" / f"{mixer}.yaml")
    kind = read(CONFIGS / "mixer" / f"{mixer}.yaml")[0]
    flags = [name for name in choices(kind) if name == "negative_eigenvalues"]
    for change in [{}, *({f"mixer__{name}": not given[name]} for name in flags)]:
        found = THEORY.classes_of(run(mixer=mixer, **change))
        assert len(found) == 1, (change, found)


@pytest.mark.parametrize(("mixer", "changes", "expected"), EXPECTED)
def test_verdicts_are_those_of_the_sources(mixer, changes, expected):
    found = {name: verdict(mixer=mixer, **{**task, **changes}) for name, task in TASKS.items()}
    assert found == dict(zip(TASKS, expected, strict=True))


def test_a_scratchpad_and_other_options_leave_the_family():
    assert verdict(task="parity", task__scratchpad="interleaved") is None
    assert verdict(task="word_problem", task__scratchpad="none", task__generators=["10", "01"]) is None
    assert verdict(task="dyck", mixer="lstm") is None, (
        "of two kinds of brackets, which one counter does not close"
    )
    assert verdict(task="dyck", mixer="lstm", task__kinds=1) == YES


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (("s4d", "mamba"), NO),
        (("mamba", "lru", "gla"), NO),
        (("mamba", "gla"), NO),
        (("gru", "lstm"), YES),
        (("gru", "attention"), None),
        (("s4d", "gru"), None),
        (("s4d", "mamba", "gru"), None),
    ],
)
def test_a_pattern_has_the_verdict_of_its_layers_or_none(pattern, expected):
    found = THEORY.prediction(run(pattern=pattern, task="parity", **SHORT))
    assert (found and found.verdict) == expected
    if pattern == ("s4d", "mamba"):
        assert found.decoder_class == "mixed_diagonal"
        assert verdict(pattern=pattern, **TASKS["A5"]) is None


def test_layers_are_known_by_their_class_and_not_by_their_name():
    near = of_group("mixer", "attention") | {"attention": of_group("attention", "window")}
    far = of_group("mixer", "attention")
    alike = {"near": far, "far": far}
    task = TASKS["A5"]
    assert verdict(pattern=("near", "far"), parts={"near": near, "far": far}, **task) is None, "a window"
    assert verdict(pattern=("near", "far"), parts=alike, **task) == NO
    assert verdict(pattern=("near",), parts={"near": of_group("mixer", "gru")}, **task) == YES
    positional = far | {"content": False}
    assert verdict(pattern=("near",), parts={"near": positional}, **task) is None


def test_only_layers_that_there_are_count():
    task = TASKS["parity"]
    assert verdict(pattern=("gru", "attention"), decoder__layers=1, **task) == YES
    assert verdict(pattern=("gru", "attention"), decoder__layers=2, **task) is None


def test_runs_as_they_are_composed_have_their_class():
    words = ["task=parity", "task.scratchpad=none", "mixer.pattern=[s4d,mamba]", "decoder.layers=2"]
    config = Request(TRAIN, words=words).compose()
    found = THEORY.prediction(RunRecord("here", "c0", "0", config, {}, Curve(())))
    assert (found.decoder_class, found.verdict) == ("mixed_diagonal", NO)
    config = Request(TRAIN, words=["task=d4", "task.scratchpad=none", "mixer=gla"]).compose()
    found = THEORY.prediction(RunRecord("here", "c0", "0", config, {}, Curve(())))
    assert (found.decoder_class, found.family, found.verdict) == ("selective_positive", "solvable", NO)


def test_runs_of_earlier_versions_have_attention():
    config = options(mixer="attention", **TASKS["A5"])
    del config["mixer"], config["labels"]["mixer"]
    assert THEORY.prediction(RunRecord("here", "c0", "0", config, {}, Curve(()))).verdict == NO
    del config["decoder"]["loops"]
    assert THEORY.prediction(RunRecord("here", "c0", "0", config, {}, Curve(()))) is None, (
        "unknown, so nothing"
    )


def write(folder, group, name, text):
    """A file of the user."""
    (folder / group).mkdir(parents=True, exist_ok=True)
    (folder / group / f"{name}.yaml").write_text(text)


WHOLE = "{verdict: yes, source: mine, kind: proof, evidence: paper}"


def test_a_file_of_ones_own_comes_first_and_joins_what_there_is(tmp_path):
    write(tmp_path, "theory", "mine", f"members: [[mixer=gla]]\nverdicts:\n  parity: {WHOLE}\n")
    write(tmp_path, "family", "my_tasks", "like: parity\nmembers: [[task=even_pairs]]\n")
    theory = load_theory([tmp_path])
    assert verdict(theory, mixer="gla", **TASKS["parity"]) == YES
    assert verdict(theory, mixer="gla", **TASKS["A5"]) == NO, "of which the file says nothing"
    assert verdict(theory, mixer="mamba", **TASKS["parity"]) == NO
    assert verdict(theory, mixer="mamba", task="even_pairs") == NO
    assert verdict(theory, mixer="gla", task="even_pairs") == YES


def test_a_mixer_joins_a_class(tmp_path):
    write(tmp_path, "theory", "joined", "like: selective_positive\nmembers: [[mixer=convolution]]\n")
    theory = load_theory([tmp_path])
    assert verdict(theory, mixer="convolution", **TASKS["parity"]) == NO
    assert verdict(theory, pattern=("convolution", "mamba"), **TASKS["parity"]) == NO
    assert verdict(theory, pattern=("convolution", "s4d"), **TASKS["parity"]) == NO, "the mix"


@pytest.mark.parametrize(
    ("group", "text", "message"),
    [
        ("theory", f"members: [[mixer=mambo]]\nverdicts: {{parity: {WHOLE}}}", "no mixer 'mambo'; did you mean 'mamba'"),
        ("theory", f"members: [[mixer=gla, mixer.steps=2]]\nverdicts: {{parity: {WHOLE}}}", "no option 'mixer.steps'"),
        ("theory", f"members: [[mixer=gla, decoder.layers=minus one]]\nverdicts: {{parity: {WHOLE}}}", "decoder.layers=minus one: it cannot be 'minus one' (allowed: whole number: at least 1)"),
        ("theory", f"members: [[mixer=gla, decoder.layers=0]]\nverdicts: {{parity: {WHOLE}}}", "decoder.layers=0: it cannot be '0' (allowed: whole number: at least 1)"),
        ("theory", f"members: [[mixer=gla, decoder.layers<1]]\nverdicts: {{parity: {WHOLE}}}", "decoder.layers<1: no value is < 1 (allowed: whole number: at least 1)"),
        ("theory", f"members: [[mixer=gla, decoder.mask=prefixx]]\nverdicts: {{parity: {WHOLE}}}", "decoder.mask=prefixx: it cannot be 'prefixx'; did you mean 'prefix'? (allowed: causal or prefix)"),
        ("theory", f"members: [[mixer=gla, decoder.mask>1]]\nverdicts: {{parity: {WHOLE}}}", "decoder.mask>1: no value is > 1 (allowed: causal or prefix)"),
        ("theory", f"members: [[mixer=mamba, mixer.negative_eigenvalues!=yes]]\nverdicts: {{parity: {WHOLE}}}", "it cannot be 'yes' (allowed: true or false)"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{parity: {WHOLE.replace('verdict: yes', 'verdict: conditional').replace('}', ', condition: c, when: [decoder.dim>=wide], then: no}')}}}", "verdicts.parity: where='decoder.dim>=wide': 'wide' is not a number"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{parity: {WHOLE.replace('verdict: yes', 'verdict: conditional').replace('}', ', condition: c, when: [decoder.dim=1.5], then: no}')}}}", "verdicts.parity: decoder.dim=1.5: it cannot be '1.5'"),
        ("theory", f"members: [[mixer]]\nverdicts: {{parity: {WHOLE}}}", "must be key=value"),
        ("theory", f"members: [[mixers=gla]]\nverdicts: {{parity: {WHOLE}}}", "no group 'mixers'; did you mean 'mixer'"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{paritty: {WHOLE}}}", "no family 'paritty'; did you mean 'parity'"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{parity: {WHOLE.replace('yes', 'maybe')}}}", "verdicts.parity.verdict=maybe: must be one of yes, no, conditional, open"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{parity: {WHOLE.replace('yes', 'conditional')}}}", "condition must say it in words"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{parity: {WHOLE.replace('mine', '')}}}", "verdicts.parity"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{parity: {WHOLE.replace(', kind: proof', '')}}}", "verdicts.parity.kind is missing"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{parity: {WHOLE.replace('}', ', then: no}')}}}", "when and then must be given together"),
        ("theory", f"members: [[mixer=gla]]\nverdicts: {{parity: {WHOLE.replace('}', ', when: [task=parity], then: no}')}}}", "only conditional verdicts have when"),
        ("theory", "members: [[mixer=gla]]", "must have one of: verdicts, like (a class), silent"),
        ("theory", "silent: nothing", "must have one of: members, layers"),
        ("theory", "members: [[mixer=gla]]\nlike: selective_positiv", "no class 'selective_positiv'; did you mean 'selective_positive'"),
        ("theory", "layers: [mixed_diagonal]\nsilent: nothing", "no class 'mixed_diagonal'"),
        ("theory", "member: [[mixer=gla]]", "unknown option 'member'; did you mean 'members'"),
        ("theory", "- a list", "must be a group of options"),
        ("theory", "{", "not a YAML file"),
        ("family", "members: [[task=paritty]]", "no task 'paritty'; did you mean 'parity'"),
        ("family", "members: [[task=parity, task.modulus=2]]", "no option 'task.modulus'"),
        ("family", "members: [[task=parity, task.scratchpad=no]]", "task.scratchpad=no: it cannot be 'no'"),
        ("family", "members: [[task=modular_sum|modular_arithmetic, task.modulus=1|3]]", "task.modulus=1|3: it cannot be '1'"),
        ("family", "like: paritty\nmembers: [[task=parity]]", "no family 'paritty'"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_ones_own_is_refused_by_name(tmp_path, group, text, message):
    write(tmp_path, group, "mine", text)
    with pytest.raises(UsageError) as refused:
        load_theory([tmp_path])
    assert message in str(refused.value)
    assert f"{group}/mine.yaml" in str(refused.value)


def test_lists_refuse_what_comparisons_refuse(lengen, tmp_path):
    write(
        tmp_path / "conf",
        "theory",
        "mine",
        "# Mine\n# paper: none\nmembers: [[mixer=mambo]]\nsilent: nothing\n",
    )
    compared = lengen("compare", "out=there", "--config-dir=conf")
    assert compared.code == 2
    assert (
        "conf/theory/mine.yaml: mixer=mambo: there is no mixer 'mambo'; did you mean 'mamba'" in compared.err
    )
    assert len(compared.err.splitlines()) == 1
    for words in (("theory",), ("theory=mine",), ("theory=transformer",), ("pe", "family=recall"), ()):
        assert lengen("list", *words, "--config-dir=conf") == compared
    assert lengen("list", "pe", "--config-dir=conf").code == 0, "which shows none of them"


def test_a_whole_file_of_ones_own_is_listed(lengen, tmp_path):
    write(
        tmp_path / "conf",
        "theory",
        "mine",
        "# Mine\n# paper: none\nmembers: [[mixer=gla]]\nsilent: nothing\n",
    )
    ran = lengen("list", "theory", "--config-dir=conf")
    assert (ran.code, ran.err) == (0, "")
    assert "Mine" in ran.out


def test_a_file_with_the_name_of_another_is_refused(tmp_path):
    write(tmp_path, "theory", "transformer", "members: [[mixer=gla]]\nsilent: nothing\n")
    with pytest.raises(UsageError, match="theory=transformer: two files have this name"):
        load_theory([tmp_path])


def test_shipped_options_are_those_that_mixers_have():
    """`named` builds every mixer, so that a member's option is one of a class that is there."""
    assert {case.id for case in named("mixer")} >= set(MIXERS)
