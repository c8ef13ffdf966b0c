"""The command line: what is asked and how it is answered; what it does is in `pophub/commands/`."""
