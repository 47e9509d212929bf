"""The database: tables, the one way to remember, the plan, and what can be asked."""
