"""Steps, checkpoints, preferences, and an adapter in the end."""
