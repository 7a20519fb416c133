"""Searches over integers: the cheapest and the widest designs, exactly."""
