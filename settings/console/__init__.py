"""The console: its files, and the code that serves them."""
