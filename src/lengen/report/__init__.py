"""Figures, tables and the page of a study, made from curves and statistics. Imports no torch."""
