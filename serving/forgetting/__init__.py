"""A customer who asks to be erased: what is held, what a law still keeps, what is removed."""
