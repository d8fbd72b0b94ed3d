"""Features to score to decision: recipes, training, reasons, policy."""
