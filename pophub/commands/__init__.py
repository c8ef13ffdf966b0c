"""The commands of `pophub`, one file a noun; heavy imports happen inside the commands."""
