"""Selective search: from pixels to regions, and from regions to boxes."""
