"""The work: one service per Azure resource. Nothing here knows HTTP."""
