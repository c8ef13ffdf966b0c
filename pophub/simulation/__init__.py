"""The agencies' databases and their defects, labelled; nothing of the pipeline imports this room."""
