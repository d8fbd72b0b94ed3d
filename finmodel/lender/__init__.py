"""Where a lender's history comes from: real tables here, a simulated lender later."""
