"""Pictures of what designs cost."""
