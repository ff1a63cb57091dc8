"""Predictions of theory on the page of a study, in a browser."""

from tests.comparison.test_seen import CELLS

from lengen.comparison.cell_summary import SuccessCriterion
from lengen.comparison.grouping import Panel, Study
from lengen.comparison.summary import summarize
from lengen.comparison.theory_files import load_theory
from lengen.report import tables


def test_predictions_and_their_count_are_on_the_page(visit):
    study = Study((Panel("parity", tuple(CELLS)),))
    summary = summarize(study, SuccessCriterion(), theory=load_theory())
    page = visit(study, tables=tables.blocks(study, summary))
    section = page.locator("#tables")
    assert "theory: 2 of 4 verdicts agree with what was seen" in section.inner_text()
    heads = section.locator("thead th").all_inner_texts()
    assert {"predicted", "seen", "source", "evidence"} <= {head.strip() for head in heads}
    row = section.locator("tbody tr", has_text="nonlinear").filter(has_text="gru disagrees")
    assert [text.strip() for text in row.locator("td").all_inner_texts()] == [
        *("parity", "gru disagrees", "nonlinear", "parity", "yes (one layer)", "no (0 of 7)", "[0.00, 0.41]"),
        *("Delétang et al. 2023 (regular languages)", "construction", "paper"),
    ]
