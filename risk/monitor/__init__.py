"""Whether a card still holds: ten panels out of decisions and outcomes."""
