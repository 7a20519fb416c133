"""Curves: what is gained and what is paid, as columns of numbers."""
