"""Speed beside public peers: `python -m benchmarks` runs all."""
