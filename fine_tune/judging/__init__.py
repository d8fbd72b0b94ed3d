"""What an adapter is worth, and whether it may be promoted."""
