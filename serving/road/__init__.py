"""The road that events take: how far it is, what fell off it, and what it costs."""
