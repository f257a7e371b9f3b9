"""What a run would do with a credential. Pure."""
