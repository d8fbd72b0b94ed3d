"""The guards: what a customer's words call for, and what no reply may say."""
