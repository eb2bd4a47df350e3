"""Studies of a deep network: groups of filters in every layer."""
