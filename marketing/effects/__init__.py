"""What a treatment changes: learners, their figures, and whether chance decided."""
