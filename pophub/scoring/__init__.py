"""How good a connector is before anything flows: every finding at once, and a score from 0 to 100."""
