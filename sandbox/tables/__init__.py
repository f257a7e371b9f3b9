"""Table storage by Entra sign-in: the caller and their role are checked here, Azurite keeps the tables."""
