"""Deterministic simulation: the real stages over in-memory servers, driven by a seeded scheduler.

Nothing of `pophub/simulation` is meant: that one simulates agencies.
"""
