"""The fault bench: each row of the fault matrix as one function that injects it on real servers.

`python -m tests.faults` runs them all (`make faults`); `tests/integration/test_faults.py` the bounded part.
"""
