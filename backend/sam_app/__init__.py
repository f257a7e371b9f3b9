"""Calls to Microsoft Entra ID and Microsoft Graph as CIPP's SAM app."""
