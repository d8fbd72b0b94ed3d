"""The ledger of contacts: one file, an act a transaction."""
