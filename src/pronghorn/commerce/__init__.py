"""How money comes in, and how people see where it went: orders, codes, plans, notices, usage, statements."""
