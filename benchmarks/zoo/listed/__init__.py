"""Which networks the zoo has of the two large libraries."""
