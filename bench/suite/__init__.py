"""The benchmarks, one module per group of rows; bench/run.py runs them."""
