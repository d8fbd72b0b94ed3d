"""A scorer that was made elsewhere: its file read, judged and registered as one trained here."""
