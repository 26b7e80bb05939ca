"""One module a measurement: its first line says what, `run(bench)` does it. `bench/run.py` finds them by their files."""
