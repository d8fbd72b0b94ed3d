"""`finmodel doctor`: what is wrong with a home and its servers, and what to do about it."""
