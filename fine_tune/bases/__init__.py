"""Open bases: brought, looked at, named; the tiny one is made here."""
