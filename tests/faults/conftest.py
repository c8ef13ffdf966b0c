"""The bench's modules are no tests: `tests/integration/test_faults.py` and `make faults` run them."""

collect_ignore_glob = ["*.py"]
