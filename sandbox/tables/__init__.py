"""Table storage: Azurite keeps the tables. Callers with a token are checked here, and all times are the sandbox's."""
