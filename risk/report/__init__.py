"""A model's report: sheets, workbook, page."""
