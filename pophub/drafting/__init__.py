"""A connector's first files, written from what its source shows: guesses, each with its reason."""
