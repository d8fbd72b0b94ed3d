"""The shared language and the shared machines: imports none of the other packages."""
