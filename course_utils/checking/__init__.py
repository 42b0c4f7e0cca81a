"""The engine behind the checks: asking, calling, comparing, switching off."""
