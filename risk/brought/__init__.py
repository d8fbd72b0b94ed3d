"""What a lender brings from before: its columns, by a mapping, as ours."""
