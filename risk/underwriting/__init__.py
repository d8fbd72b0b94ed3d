"""People judge what the model referred to them: cases, who may judge them, and overrides."""
