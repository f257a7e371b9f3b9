"""How this app calls Azure: clients, connections, retries, and the JSON of responses."""
