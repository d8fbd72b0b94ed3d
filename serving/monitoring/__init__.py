"""Monitoring for people: the commands' panels, and the page with its worker."""
