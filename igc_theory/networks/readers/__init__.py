"""Networks from files and modules."""
