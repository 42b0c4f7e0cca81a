"""Reports on grades, one module a format; each begins from `Grade`, none runs code."""
