"""Start, stop and look after the embedded servers."""
