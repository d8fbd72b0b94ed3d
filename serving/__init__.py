"""Composition, and the only place that knows HTTP."""
