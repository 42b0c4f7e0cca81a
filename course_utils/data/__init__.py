"""Data: the generated tabletop, photographs, and writers of common formats."""
