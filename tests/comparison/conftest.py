"""What tests of comparisons share."""

import pytest

from lengen.report import sheet


@pytest.fixture
def coarse(monkeypatch):
    """Figures with few dots, drawn fast."""
    monkeypatch.setattr(sheet, "DOTS", 60)
