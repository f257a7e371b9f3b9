"""login.microsoftonline.com and its twins: sign-in and discovery."""
