"""pophub's own expectations for Great Expectations; importing this registers them there."""

from pophub.gates.expectations.made import EXPECTATIONS

__all__ = ["EXPECTATIONS"]
