"""The figures of the paper: each a function from results to numbers, and one that draws them."""
