"""Products of sparse factors: a chain with weights, how it is applied, checked and stored."""
