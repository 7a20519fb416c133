"""Validators of arguments for every room, and the one form of their error messages."""
