"""Offers at once: who is here now, and what a campaign's rules, prices and lanes give them."""
