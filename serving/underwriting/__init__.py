"""Cases for people, as the decision service keeps and shows them."""
