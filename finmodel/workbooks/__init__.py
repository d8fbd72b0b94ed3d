"""Workbooks (.xlsx) that people send: what they may be, and the cells of one sheet."""
