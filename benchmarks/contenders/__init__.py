"""The contenders: each a process of its own, `python -m benchmarks.contenders.X URL GAMES DB`."""
