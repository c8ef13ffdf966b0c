"""The three files of a connector, read into frozen models and checked against one another."""
