"""Where a lender's history comes from: a real table, and a simulated lender."""
