"""pophub: agencies' databases to a national population database, every share counted."""
