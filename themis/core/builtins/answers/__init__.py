"""Reading of answers: choices, numbers, formulas and units, for parsers and metrics."""
