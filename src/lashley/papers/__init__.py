"""Studies of published papers, each a package: nothing else in Lashley knows any of them."""
