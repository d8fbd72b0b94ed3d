"""What is done with a score: rules, cut-offs, versions of them, and who approved."""
