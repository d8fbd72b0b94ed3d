"""Whether a card still holds: panels out of decisions and outcomes."""
