"""Rows to learn from, out of a feature service, a lender's table or its loans."""
