"""From networks to steps of channel flow."""
