"""The notes of a release, from the changelog."""
