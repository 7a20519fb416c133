"""Families of structured matrices that other papers know by other names, as chains."""
