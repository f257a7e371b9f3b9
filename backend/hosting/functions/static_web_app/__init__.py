"""The static web app that serves CIPP's frontend: its domains, users and invitations."""
