"""Studies of an MLP: every unit and every pair of a layer, and a population of networks."""
