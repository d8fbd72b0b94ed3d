"""From a conversation to what an agent may say next: scripts, one generated reply, and a trace."""
