"""Pictures of whole networks and of trained ones."""
