"""The simulated lender's service conversations, and general text of such a lender, in Chinese."""
