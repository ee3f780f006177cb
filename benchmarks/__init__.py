"""Benchmarks that prove the project's claims as ratios; `python -m benchmarks` runs them."""
