"""Recovery in the layer study: what comes back after retraining, and the claims on it."""
