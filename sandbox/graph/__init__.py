"""graph.microsoft.com and the hosts of the other clouds: the part that CIPP's own app registration needs."""
