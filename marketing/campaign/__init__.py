"""A campaign: what its recipe says, who may be contacted, and who gets what."""
