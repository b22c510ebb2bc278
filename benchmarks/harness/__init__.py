"""What the benchmarks share: documents, processes, and how a result is written down."""
