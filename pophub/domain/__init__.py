"""Values and rules of the hub: no vendor library is imported below this folder."""
