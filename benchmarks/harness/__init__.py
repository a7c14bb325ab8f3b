"""What the benchmarks share: networks to measure, the machine, fair timing, tables."""
