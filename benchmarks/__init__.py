"""The figures anyone can rerun: `python -m benchmarks`. Measurements, not tests."""
