"""What an auditor asks of the log: who did what, and whether the chain holds."""
