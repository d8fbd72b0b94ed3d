"""The assistant's service: conversations in, suggestions out, and what agents make of them."""
