"""The population database: accepted state, identity and its history, kept by judge alone."""
