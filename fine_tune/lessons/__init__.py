"""What conversations teach: masked, split, as tokens, in packs, in an order."""
