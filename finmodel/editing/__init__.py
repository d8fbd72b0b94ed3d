"""Approved scripts in an editor's hands: rows of a workbook, drafts, and what was published."""
