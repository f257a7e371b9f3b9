"""Operations that take longer than one response: their rows, and how they are completed."""
