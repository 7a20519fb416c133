"""Pictures of who is connected to whom."""
