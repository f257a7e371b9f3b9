"""Table storage: Azurite stores the tables. The sandbox checks callers with a token, and converts all times."""
