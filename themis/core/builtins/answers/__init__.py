"""Texts of answers: choices, numbers, formulas and units, as parsers and metrics read them."""
