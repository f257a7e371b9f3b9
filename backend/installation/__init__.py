"""Which Azure resources belong to this CIPP."""
