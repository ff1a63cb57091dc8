"""Runs sorted into cells and panels."""

import pytest
import yaml

from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from studies import write_run

GOOD, BAD = [1.0, 1.0, 0.6, 0.1], [0.5, 0.4, 0.1, 0.0]


def study(root, **asked):
    return assemble(find([str(root)]), **asked)


def test_a_cell_is_a_line_and_a_task_with_its_options_a_panel(tmp_path):
    for seed in (10, 2):
        write_run(tmp_path, seed, GOOD, cell="c1")
        write_run(tmp_path, seed, GOOD, pe="rope", cell="c2")
        write_run(tmp_path, seed, GOOD, cell="c3", task__repeats="one")
    found = study(tmp_path)
    assert [panel.name for panel in found.panels] == ["copy (repeats=allowed)", "copy (repeats=one)"]
    assert [cell.name for cell in found.panels[0].cells] == ["nope", "rope"]
    assert [[run.seed for run in cell.runs] for cell in found.panels[0].cells] == [["2", "10"]] * 2
    assert found.panels[0].train_length == 10
    assert found.panels[0].lengths == (5, 10, 20, 40)
    assert not found.left_out


def test_cells_of_one_name_are_told_apart_by_what_differs_and_never_averaged(tmp_path):
    write_run(tmp_path, 0, GOOD, cell="c1")
    write_run(tmp_path, 0, GOOD, cell="c2", steps=200)
    write_run(tmp_path, 0, GOOD, cell="c3", pe="rope", steps=200)
    (panel,) = study(tmp_path).panels
    assert [cell.name for cell in panel.cells] == ["nope (steps=100)", "nope (steps=200)", "rope"]
    (panel,) = study(tmp_path, by=["pe", "steps"]).panels
    assert [cell.name for cell in panel.cells] == ["nope, 100", "nope, 200", "rope, 200"]


def test_an_option_of_yes_and_no_is_named_and_one_that_a_cell_lacks_is_left_out(tmp_path):
    write_run(tmp_path, 0, GOOD, cell="c1", mixer={"_target_": "DeltaNet", "negative_eigenvalues": True})
    write_run(tmp_path, 0, GOOD, cell="c2", mixer={"_target_": "DeltaNet", "negative_eigenvalues": False})
    write_run(tmp_path, 0, GOOD, cell="c3", mixer={"_target_": "GRU"}, pe="rope")
    (panel,) = study(tmp_path, by=["pe", "mixer.negative_eigenvalues"]).panels
    assert [cell.name for cell in panel.cells] == [
        "nope, negative_eigenvalues=False",
        "nope, negative_eigenvalues=True",
        "rope",
    ]


def test_cells_that_nothing_else_tells_apart_are_named_by_their_hash(tmp_path):
    for cell, steps in (("c1", 100), ("c2", 100), ("c3", 200)):
        write_run(tmp_path, 0, GOOD, cell=cell, steps=steps)
    (panel,) = study(tmp_path).panels
    assert [cell.name for cell in panel.cells] == [
        "nope (steps=100, c1)",
        "nope (steps=100, c2)",
        "nope (steps=200)",
    ]


def test_another_choice_of_a_group_is_named_by_the_choice_and_its_options_where_these_differ(tmp_path):
    def labels(attention):
        return {"task": "copy", "positions": "contiguous", "attention": attention}

    chosen = {
        "c1": ("softmax", {"_target_": "Softmax"}),
        "c2": ("window", {"_target_": "Window", "window": 16}),
        "c3": ("window", {"_target_": "Window", "window": 32}),
        "c4": ("asentmax", {"_target_": "ASEntmax", "delta": 1.0}),
    }
    for cell, (label, options) in chosen.items():
        write_run(tmp_path, 0, GOOD, cell=cell, attention=options, labels=labels(label))
    (panel,) = study(tmp_path).panels
    assert [cell.name for cell in panel.cells] == [
        "nope (attention=asentmax)",
        "nope (attention=softmax)",
        "nope (attention=window, attention.window=16)",
        "nope (attention=window, attention.window=32)",
    ]
    write_run(tmp_path, 0, GOOD, cell="c5", attention=chosen["c1"][1], labels=labels("softmax"), steps=200)
    names = [cell.name for cell in study(tmp_path).panels[0].cells]
    assert names[1:3] == ["nope (attention=softmax, steps=100)", "nope (attention=softmax, steps=200)"]
    assert names[0] == "nope (attention=asentmax, steps=100)"


def written(folder, lengths):
    """Write the evaluated lengths of a run in another way."""
    path = folder / "config.yaml"
    made = yaml.safe_load(path.read_text())
    made["eval"]["lengths"] = lengths
    path.write_text(yaml.safe_dump(made))


def test_lengths_are_compared_as_numbers_however_they_are_written(tmp_path):
    write_run(tmp_path, 0, GOOD, cell="c1")
    written(write_run(tmp_path, 0, GOOD, cell="c2", pe="rope"), ["0.5x", "1x", "2x", "4x"])
    found = study(tmp_path)
    assert not found.left_out
    assert len(found.panels[0].cells) == 2


def test_multiples_of_the_train_length_are_one_protocol_where_cells_differ_in_it(tmp_path):
    for cell, train in (("c1", 10), ("c2", 5)):
        lengths = [train // 5 * each for each in (2, 5, 10, 20)]
        folder = write_run(tmp_path, 0, GOOD, cell=cell, train_length=train, eval__lengths=lengths)
        written(folder, ["0.4x", "1x", "2x", "4x"])
    found = study(tmp_path, by=["train_length"])
    assert not found.left_out
    assert len(found.panels[0].cells) == 2
    (left,) = study(tmp_path).left_out
    assert "train_length" in left.reason


def test_another_protocol_is_left_out_with_the_difference_or_mixed_on_request(tmp_path):
    for seed in range(3):
        write_run(tmp_path, seed, GOOD, cell="c1")
    write_run(tmp_path, 0, GOOD, pe="rope", cell="c2", protocol={"examples": 200, "decode": "greedy"})
    found = study(tmp_path)
    assert [cell.name for cell in found.panels[0].cells] == ["nope"]
    (left,) = found.left_out
    assert "decode greedy instead of teacher, examples 200 instead of 1000" in left.reason
    assert "mixed=true" in left.reason
    mixed = study(tmp_path, mixed=True)
    assert [cell.name for cell in mixed.panels[0].cells] == ["nope", "rope"]
    assert not mixed.left_out
    assert "examples 200 instead of 1000" in mixed.panels[0].notes[0]
    # asked for by name, it is no difference of protocol
    write_run(tmp_path, 0, GOOD, pe="alibi", cell="c4", train_length=20, eval__lengths=[5, 10, 20, 40])
    assert len(study(tmp_path).panels[0].cells) == 1
    assert [cell.name for cell in study(tmp_path, by=["pe", "train_length"]).panels[0].cells] == [
        "alibi, 20",
        "nope, 10",
    ]


def test_a_seed_counts_once_the_run_that_finished_first(tmp_path):
    first = write_run(tmp_path / "one machine", 0, GOOD)
    again = write_run(tmp_path / "another", 0, BAD, facts={"finished": "2026-02-02T00:00:00+0000"})
    write_run(tmp_path / "another", 1, GOOD)
    found = study(tmp_path)
    assert next(run.place for run in found.runs) == str(first)
    assert len(found.runs) == 2
    (left,) = found.left_out
    assert left.place == str(again)
    assert "seed 0 of cell c000000001 repeats " in left.reason


def test_gated_are_the_trained_runs_and_diverged_ones_are_tried(tmp_path):
    write_run(tmp_path, 0, GOOD)
    write_run(tmp_path, 1, BAD)
    write_run(tmp_path, 2, None, status="diverged")
    ((cell,),) = (panel.cells for panel in study(tmp_path).panels)
    assert (cell.tried, cell.gated().tried, len(cell.curves)) == (3, 1, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ["pee"]}, "by=pee: no run has this option; did you mean 'pe'"),
        (
            {"where": ["task.repeat=one"]},
            "where=task.repeat: no run has this option; did you mean 'task.repeats'",
        ),
        ({"where": ["pe=rope"]}, "where=pe=rope: the one run does not match; pe is nope"),
    ],
)
def test_what_no_run_has_is_refused_by_name(tmp_path, options, message):
    write_run(tmp_path, 0, GOOD)
    with pytest.raises(ValueError, match=message):
        study(tmp_path, **options)


def test_nothing_found_is_refused_with_the_reasons(tmp_path):
    write_run(tmp_path, 0, GOOD, status="running")
    with pytest.raises(
        ValueError, match=r"no run found that can be compared; .*unfinished.*nowhere: nothing matches"
    ):
        assemble(find([str(tmp_path), "nowhere"]))


def pattern(near, pe="rope", **options):
    """A mixer by a pattern, whose first part is attention with an encoding of its own."""
    own = {"_target_": {"rope": "lengen.pe.rope.RoPE", "alibi": "lengen.pe.alibi.ALiBi"}[pe], **options}
    parts = {
        near: {"_target_": "lengen.mixer.attention.Attention", "pe": own},
        "far": {"_target_": "lengen.mixer.gru.GRU", "size": 8},
    }
    return {"_target_": "lengen.mixer.pattern.Pattern", "pattern": [near, "far"], "parts": parts}  # fmt: skip


def test_parts_of_a_pattern_are_named_as_on_the_command_line(tmp_path):
    write_run(tmp_path, 0, GOOD, cell="c1", mixer=pattern("near", base=10000.0))
    write_run(tmp_path, 0, GOOD, cell="c2", mixer=pattern("near", base=500.0))
    write_run(tmp_path, 0, GOOD, cell="c3", mixer=pattern("near", "alibi", slopes=None))
    (panel,) = study(tmp_path).panels
    assert [cell.name for cell in panel.cells] == [
        "nope (mixer.near.pe=alibi)",
        "nope (mixer.near.pe=rope, mixer.near.pe.base=10000.0)",
        "nope (mixer.near.pe=rope, mixer.near.pe.base=500.0)",
    ]
    (panel,) = study(tmp_path, by=["mixer.near.pe", "mixer.far", "mixer.far.size"]).panels
    assert [cell.name for cell in panel.cells] == [
        "alibi, gru, 8",
        "rope, gru, 8 (mixer.near.pe.base=10000.0)",
        "rope, gru, 8 (mixer.near.pe.base=500.0)",
    ]
    assert next(iter(find([str(tmp_path)]))).value("mixer.nowhere.pe") == "(none)"


def test_excluded_runs_are_those_that_meet_the_conditions(tmp_path):
    write_run(tmp_path, 0, GOOD)
    running = write_run(tmp_path, 1, GOOD, status="running")
    write_run(tmp_path, 0, GOOD, status="failed", pe="rope")
    torn = write_run(tmp_path, 2, GOOD, pe="rope")
    (torn / "config.yaml").write_text("a: [")
    found = study(tmp_path, where=["pe=nope"])
    assert [each.place for each in found.left_out] == [str(running), str(torn)]
    assert [each.place for each in study(tmp_path, where=["pe=nope", "seed<1"]).left_out] == [str(torn)]
    assert len(study(tmp_path).left_out) == 3
