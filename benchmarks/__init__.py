"""Speed of the straight way, measured beside peers on the same table in the same run."""
