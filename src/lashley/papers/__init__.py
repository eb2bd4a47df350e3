"""Studies of published papers, each a package that nothing else in Lashley knows."""
