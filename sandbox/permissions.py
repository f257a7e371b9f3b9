"""The permissions of Microsoft Graph that the sandbox grants, with their IDs, which are the same in every tenant."""

from typing import Final

GRAPH_APP_ROLES: Final = {
    "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
    "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
    "Policy.ReadWrite.ApplicationConfiguration": "be74164b-cff1-491c-8741-e671cb536e13",
}
SAM_ROLES: Final = (
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "GroupMember.Read.All",
    "Policy.Read.All",
    "Policy.ReadWrite.ApplicationConfiguration",
)
SAM_SCOPES: Final = (
    "Application.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Directory.ReadWrite.All",
    "Policy.Read.All",
    "User.Read",
)
