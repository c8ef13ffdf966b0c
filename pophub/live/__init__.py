"""Liveness: heartbeats of the sources, what state each is in, and alerts that are told once."""
