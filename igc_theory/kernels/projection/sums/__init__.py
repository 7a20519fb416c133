"""The nearest product of chains side by side: in closed form where it exists, by turns and descent elsewhere."""
