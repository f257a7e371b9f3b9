"""A person signs in for a refresh token that no rotation can repair. The new token is verified and stored."""
