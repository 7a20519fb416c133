"""The nearest product of any chain, by alternating least squares and joint steps on all factors."""
