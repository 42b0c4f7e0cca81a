"""Pairs of submissions whose answers are alike."""
