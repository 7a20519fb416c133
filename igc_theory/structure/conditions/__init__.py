"""Conditions: is a chain strict, loose, dense, and what says so when it is not."""
