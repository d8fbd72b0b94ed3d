"""Campaigns for people: the commands, their files and their records."""
