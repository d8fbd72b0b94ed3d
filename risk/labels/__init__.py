"""Who counts as good or bad: rules, loans over time, vintages."""
