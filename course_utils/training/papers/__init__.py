"""How papers trained in stages: one part of a system after another."""
