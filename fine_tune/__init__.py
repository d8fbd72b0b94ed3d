"""Conversations to an adapter."""

import logging

# It recommends a package that would fetch code from a hub each time it is imported.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
