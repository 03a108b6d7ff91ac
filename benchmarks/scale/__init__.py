"""The store at the size that its users will reach; ``python -m benchmarks.scale --help``."""
