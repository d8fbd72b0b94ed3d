"""What is said to a customer: products, exact calculators, facts, and the guard over numbers."""
