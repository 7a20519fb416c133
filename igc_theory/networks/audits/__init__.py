"""What a network costs, how it connects channels, and what it could save."""
