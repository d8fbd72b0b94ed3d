"""Features to score to offer."""
