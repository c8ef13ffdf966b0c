"""The three files of a connector and the code tables, read into frozen models and checked against one another."""
