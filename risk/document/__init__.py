"""The model document in a regulator's five stages."""
