"""Conversations to an adapter."""
