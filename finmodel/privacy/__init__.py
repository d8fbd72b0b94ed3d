"""Personal data in text: found, masked by placeholders, and put back for whoever may see it."""
