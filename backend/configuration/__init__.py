"""The settings of this app: their valid values and their meaning."""
