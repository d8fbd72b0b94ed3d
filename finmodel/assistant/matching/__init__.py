"""From what a customer wrote to the approved scripts and sources that answer it."""
