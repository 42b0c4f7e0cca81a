"""How good predictions are: average precision and its kin."""
