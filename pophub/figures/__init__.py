"""Figures by declaration: `figures/<name>.sql`, run over the accepted state of datasets as of a checkpoint."""
