"""Reconciliation: compare what every store holds, name what differs, rebuild from the log alone."""
