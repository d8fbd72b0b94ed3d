"""Offers within limits: the plan of the most gain, and what proves it."""
