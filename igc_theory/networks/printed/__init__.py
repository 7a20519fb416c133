"""What the papers print, and whether it recomputes."""
