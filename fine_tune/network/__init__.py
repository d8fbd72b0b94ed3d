"""The base with an adapter on it: attention, loss, layers, four bits, processes."""
