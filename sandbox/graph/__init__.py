"""graph.microsoft.com and its twins, as far as CIPP's own app registration needs them."""
