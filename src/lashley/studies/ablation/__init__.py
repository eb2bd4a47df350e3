"""Studies of any network: sweeps over its sites, and what is made of their outcomes."""
