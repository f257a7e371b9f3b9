"""The table of Entra's error codes for token requests: with a client secret, a certificate or a refresh token.

The codes and causes are from learn.microsoft.com/entra/identity-platform/reference-error-codes, without codes that
these requests can't return: SAML, WS-Federation, the device flow, browser sign-in, sign-out, passwords on premises, and
password changes. A row that the page lacks names its source. The advice is from CIPP's documentation and public issues.

Verdicts:

- OVER: this credential or token can never work again, from any place. It expired, or it or its session was revoked.
- HERE: refused because of place, device, risk or Conditional Access. It might work from CIPP, or after a change.
- OPEN: everything else. A wrong OVER would replace or restore a valid key, so an uncertain case is OPEN.
"""

from typing import Final

OVER, HERE, OPEN = "dead", "refused here", "unproven"

_SETUP: Final = (
    "A superadmin must sign in again in the console: Keys, the key, Sign in again. Or an admin in CIPP: Application "
    "Settings, SAM Wizard (for a customer tenant: Tenant Onboarding)."
)
_PLACE: Final = (
    "The refusal might apply to this app only, not to CIPP. A Conditional Access admin of the tenant must allow the "
    "outbound addresses of this app and of CIPP's function app for the CIPP account."
)
_MFA: Final = (
    "The CIPP account must sign in again with MFA: in the console (Keys, the key, Sign in again), or with CIPP's SAM "
    "Wizard."
)
_NO_DEVICE_CODE: Final = (
    "A superadmin must sign in again in the console, in the browser (Method: code). Or a Conditional Access admin must "
    "allow device codes."
)
_PARTNERS: Final = (
    "A Conditional Access admin of the tenant must exclude service provider users (the partner's users) from it."
)
_SECRET: Final = "An app admin must create a new secret for the SAM app."  # noqa: S105 - words
_YOUNG: Final = "Wait two minutes, then check the secret again. If it still fails, an app admin must create a new one."
_CERTIFICATE: Final = (
    "An app admin must compare SAMCertificate with the SAM app's certificates. To create a new one, call "
    "ExecKeyRotation with Force."
)
_APP: Final = "An app admin must correct the SAM app in the partner tenant: Entra admin center, App registrations."
_ENABLE: Final = "A cloud app admin of the tenant must enable sign-in for the enterprise application."
_CONSENT: Final = "A global admin of the tenant must consent again (in CIPP: refresh CPV, or add the tenant again)."
_ADD: Final = "Check ApplicationID. A global admin of the tenant might have to consent again (in CIPP: add the tenant)."
_LICENCES: Final = "Check CIPP_CLOUD. A global admin of the tenant must check its licenses."
_CROSS: Final = "An admin of the tenant must allow the partner in Entra's cross-tenant access settings."
_PROXY: Final = "A network admin must let this app reach Entra without the proxy's tenant restriction."
_CLOUD: Final = "Check CIPP_CLOUD and TenantID: the tenant must be in that cloud."
_TENANT: Final = "Check TenantID: it must be the partner tenant's GUID or one of its domains."
_ACCOUNT: Final = f"A user admin of the tenant must add the account, or CIPP must use another account. {_SETUP}"
_PASSWORD: Final = f"The account's owner must change the password. {_SETUP}"
_DEVICE: Final = f"A device admin of the tenant must check the device that the token was issued to. Or: {_SETUP}"
_LOG: Final = "An admin of the tenant can find the reason in its sign-in log in the Entra admin center."
_LATER: Final = "Try again in a few minutes. If the problem persists, an admin can open a Microsoft support request."
_REPORT: Final = "Check for a newer version of this app. If the problem persists, report the code to its maintainers."

# One row per code.
# fmt: off
ROWS: Final = (
    # code     verdict  cause, and advice
    # The app's own credential.
    (7000215,  OVER, "The client secret is wrong, or too new to be known in all of Entra.", _YOUNG),
    (7000222,  OVER, "The client secret has expired.", _SECRET),
    (700027,   OVER, "The certificate is not on the SAM app, or too new to be known in all of Entra.",
                     "Wait two minutes, then check it again. The next rotation creates a new certificate."),
    (700024,   OPEN, "The clocks of this app and Entra differ, so the app's signature is not valid.",
                     "Restart this app, so that it runs on another machine. Then check the keys again."),
    (50012,    OPEN, "Entra did not accept the client secret or what was signed with the certificate.", _CERTIFICATE),
    (70002,    OPEN, "Entra could not validate the credential.", _YOUNG),
    (7000218,  OPEN, "The request has neither a client secret nor a certificate.", _REPORT),
    (700025,   OPEN, "The SAM app is a public client, which must not send a credential.", _APP),
    (700030,   OPEN, "The subject of the certificate is not authorized.", _CERTIFICATE),
    (50017,    OPEN, "The certificate could not be validated: its issuer, or a revocation list.", _CERTIFICATE),
    (50006,    OPEN, "The signature is not valid.", _CERTIFICATE),
    (50013,    OPEN, "The assertion is not valid: its issuer, audience, form or time.", _CERTIFICATE),
    (50027,    OPEN, "The JWT is not valid: its issuer, audience, form, signature or time.", _CERTIFICATE),
    (50032,    OPEN, "The RSA key is too weak.", _CERTIFICATE),
    (50048,    OPEN, "Subject and issuer of the assertion differ.", _CERTIFICATE),
    (50120,    OPEN, "The header of the JWT is not valid.", _CERTIFICATE),
    (50003,    OPEN, "The SAM app has no signing key or certificate.", _APP),
    (50007,    OPEN, "The encryption certificate of the SAM app was not found.", _LATER),
    (50146,    OPEN, "The SAM app's own signing key is missing, expired or not valid yet.", _APP),
    (501461,   OPEN, "The SAM app's mapped claims need its own signing key, or another audience.", _APP),
    (700229,   OPEN, "The token may not be used as a federated credential.", _APP),
    # The app in the tenant.
    (7000112,  OPEN, "The SAM app is disabled in this tenant.", _ENABLE),
    (70001,    OPEN, "The SAM app is disabled.", _ENABLE),
    (700016,   OPEN, "The SAM app is not in this tenant.", _ADD),
    (700011,   OPEN, "The SAM app was not found in this tenant.", _ADD),
    (1000031,  OPEN, "The SAM app can't be accessed at this time.", _ENABLE),
    (7000114,  OPEN, "The SAM app may not act on behalf of users.", _APP),
    (50194,    OPEN, "The SAM app is not a multitenant app.", _APP),
    (50105,    OPEN, "The account is not assigned to the SAM app, which requires it.",
                     "A cloud app admin of the tenant must assign the account to the enterprise application."),
    (65001,    OPEN, "Consent is missing for the SAM app in this tenant.", _CONSENT),
    (65002,    OPEN, "ApplicationID names an app of Microsoft, which only Microsoft can authorize.",
                     "Check ApplicationID: it must be the SAM app that CIPP's wizard created."),
    (65004,    OPEN, "Consent for the SAM app was declined.", _CONSENT),
    (65005,    OPEN, "The SAM app's permissions don't name the resource, or the resource was not found.", _APP),
    (650052,   OPEN, "The tenant has not subscribed to a service that the SAM app needs, or has it disabled.",
                     _LICENCES),
    (650054,   OPEN, "The resource was removed or is not available any more.", _LICENCES),
    (650056,   OPEN, "The SAM app's permissions don't name the resource, or consent is missing.", _CONSENT),
    (650057,   OPEN, "The SAM app's permissions don't name the resource.", _APP),
    (90008,    OPEN, "Consent is missing: the SAM app needs at least to sign users in and read their profile.",
                     _CONSENT),
    (90009,    OPEN, "The SAM app requested a token for itself by another name than its GUID.", _REPORT),
    (90093,    OPEN, "Microsoft Graph denied the request to Entra.", _CONSENT),
    (90094,    OPEN, "An admin's consent is missing.", _CONSENT),
    (90095,    OPEN, "An admin's consent is missing, and must be requested.", _CONSENT),
    (90099,    OPEN, "The SAM app is not authorized in the customer tenant, which partner apps require.", _CONSENT),
    (67003,    OPEN, "The actor is not a valid service identity.", _APP),
    # The refresh token.
    (700082,   OVER, "The refresh token was not used for 90 days.", _SETUP),
    # Not on the page. Its text is in the tests of github.com/AzureAD/microsoft-authentication-library-for-js:
    # "The refresh token has expired due to maximum lifetime."
    (700081,   OVER, "The refresh token reached its maximum lifetime.", _SETUP),
    (700084,   OVER, "The refresh token has reached its fixed expiry.", _SETUP),
    (70000,    OVER, "The refresh token is not valid.", _SETUP),
    (9002313,  OVER, "The token is malformed: it is not a refresh token.", _SETUP),
    (70008,    OVER, "The refresh token has expired or was revoked.", _SETUP),
    (70043,    OVER, "Conditional Access (sign-in frequency) ended the refresh token.", _SETUP),
    (50173,    OVER, "The refresh token was revoked: the password was changed, or the sessions were revoked.", _SETUP),
    (50089,    OVER, "The sign-in session expired or was revoked.", _SETUP),
    (50132,    OVER, "The session was revoked: the account's password expired or was changed.", _SETUP),
    (50133,    OVER, "The session was revoked: the account's password expired or was changed.", _SETUP),
    (700005,   OPEN, "The authorization code is from another tenant.", _SETUP),
    (54005,    OPEN, "The authorization code was redeemed before.", _SETUP),
    (50085,    OPEN, "The account must sign in at its own identity provider again.", _SETUP),
    (50139,    OPEN, "The session lacks the refresh token of an external account.", _SETUP),
    (50143,    OPEN, "The session does not match the account's tenant.", _SETUP),
    (51006,    OPEN, "The session lacks integrated Windows authentication.", _SETUP),
    (700020,   OPEN, "The account must sign in interactively.", _SETUP),
    (40008,    OPEN, "The account's federated identity provider failed.", _LOG),
    (40009,    OPEN, "The account's federated identity provider refused its refresh token.", _SETUP),
    (40010,    OPEN, "The account's federated identity provider failed temporarily.", _LATER),
    (90123,    OPEN, "The identity provider or the issuer of claims denied the request.", _LOG),
    # The account.
    (50020,    OPEN, "The account is not a member of this tenant.", _SETUP),
    (50014,    OPEN, "The account's invitation to this tenant is pending.",
                     f"The account's owner must accept it. {_SETUP}"),
    (50034,    OPEN, "The account does not exist in this tenant.", _SETUP),
    # Not on the page. learn.microsoft.com, "Troubleshoot AAD errors for integrations" (Viva Goals). As with 50034, the
    # account is what is wrong. It can be restored, so the code does not show that the token is revoked.
    (500341,   OPEN, "The account was deleted from this tenant.",
                     f"A user admin of the tenant must restore it, or CIPP must use another account. {_SETUP}"),
    (51004,    OPEN, "The account does not exist in this tenant's directory.", _ACCOUNT),
    (16003,    OPEN, "The account was not added to this tenant.", _ACCOUNT),
    (50197,    OPEN, "The account could not be found.", _ACCOUNT),
    (90072,    OPEN, "The account is not in this tenant, so it can't satisfy its MFA requirement.", _ACCOUNT),
    (500208,   OPEN, "The account's domain is not valid for this kind of account.", _ACCOUNT),
    (50015,    OPEN, "The account requires consent for its legal age group.", _LOG),
    (54000,    OPEN, "A rule for the legal age group blocks the account.", _LOG),
    (50055,    OPEN, "The account's password has expired.", _PASSWORD),
    (50144,    OPEN, "The account's password in Active Directory has expired.", _PASSWORD),
    (50056,    OPEN, "The directory has no password of the account.", _PASSWORD),
    (50064,    OPEN, "The account's name or password could not be validated.", _PASSWORD),
    (50126,    OPEN, "The account's name or password is not valid.", _PASSWORD),
    (50125,    OPEN, "The account must reset its password, or register for password reset.", _PASSWORD),
    (50057,    OPEN, "The account is disabled.", "A user admin of the tenant must enable it."),
    (50072,    OPEN, "The account must register for MFA.", f"Its owner registers. {_MFA}"),
    (50074,    OPEN, "The account must complete MFA.", _MFA),
    (50076,    OPEN, "The account must complete MFA, because its location or a policy changed.", _MFA),
    (50078,    OPEN, "The account's MFA has expired by a policy.", _MFA),
    (50079,    OPEN, "The account must register for MFA.", f"Its owner registers. {_MFA}"),
    # Place, device, risk and Conditional Access.
    (50053,    HERE, "The account is locked, or the address is known for attacks.",
                     f"A user admin of the tenant can see in its sign-in log which of the two applies. {_PLACE}"),
    (53003,    HERE, "Conditional Access blocked the sign-in.", _PLACE),
    (530032,   HERE, "A security policy blocked the sign-in.", _PLACE),
    (530035,   HERE, "Security defaults blocked the sign-in as unsafe.", _PLACE),
    (50131,    HERE, "Conditional Access blocked the sign-in as suspicious.", _PLACE),
    (50158,    HERE, "A further check (Conditional Access) was not passed.", _PLACE),
    (50005,    HERE, "Conditional Access does not allow this platform.", _PLACE),
    (50097,    HERE, "Conditional Access requires the device to authenticate.", _PLACE),
    (53000,    HERE, "Conditional Access requires a compliant device.", _PLACE),
    (53001,    HERE, "Conditional Access requires a domain-joined device.", _PLACE),
    (53002,    HERE, "Conditional Access requires an approved app.", _PLACE),
    # Not on the page: 53009, 530002, 530003 and 530021 are from public issue threads.
    (53009,    HERE, "Conditional Access requires Intune app protection.", _PLACE),
    (530002,   HERE, "Conditional Access requires a compliant device.", _PLACE),
    (530003,   HERE, "Conditional Access requires a managed device.", _PLACE),
    (530021,   HERE, "Conditional Access requires an approved app.", _PLACE),
    # Not on the page. learn.microsoft.com, "Authentication flows as a condition in Conditional Access policy": a
    # session that began with a device code stays one, so a later policy also refuses its refresh tokens.
    (530036,   HERE, "Conditional Access blocks tokens from a sign-in with a device code.",
                     _NO_DEVICE_CODE),
    (50127,    HERE, "Conditional Access requires a broker app on the device.", _PLACE),
    (53010,    HERE, "MFA can be registered from certain locations or devices only.", _PLACE),
    (53004,    HERE, "The account is at risk and must register for MFA.", _PLACE),
    (53011,    HERE, "The account is blocked in its home tenant, because it is at risk.",
                     "A security admin of the account's home tenant must clear its risk in Entra ID Protection."),
    (50135,    HERE, "The account is at risk and must change its password.", _PASSWORD),
    (530034,   HERE, "The account is at risk in the partner tenant, so customer tenants deny it.", _PLACE),
    (50129,    HERE, "The device is not joined to the workplace.", _DEVICE),
    (50155,    HERE, "The device could not be authenticated.", _DEVICE),
    (50187,    HERE, "The device could not be authenticated: its information is missing.", _DEVICE),
    (135011,   HERE, "The device to which the token was issued is disabled.", _DEVICE),
    # Not on the page. Entra's text, as in the tests of public projects: "Device object was not found in the tenant".
    (700003,   HERE, "The device to which the token was issued was not found in the tenant.", _DEVICE),
    (50177,    HERE, "A policy requires an external check, which a partner's users can't pass.", _PARTNERS),
    (50178,    HERE, "A policy requires a session control, which a partner's users can't have.", _PARTNERS),
    (50002,    HERE, "A proxy restricts the tenants that may be reached.", _PROXY),
    (500021,   HERE, "A proxy's tenant restriction denies this tenant.", _PROXY),
    (500022,   HERE, "A proxy's tenant restriction denies this tenant.", _PROXY),
    (50161,    OPEN, "The claims of an external check (Conditional Access) are not sufficient.", _LOG),
    (50166,    OPEN, "The provider of an external check was called too often.", _LATER),
    (50170,    OPEN, "The mapping of an external check (Conditional Access) is missing.", _LOG),
    (50099,    OPEN, "The signature of the device is not valid.", _DEVICE),
    (500212,   OPEN, "The account's home tenant does not allow access to this tenant.", _CROSS),
    (500213,   OPEN, "This tenant's cross-tenant access policy does not allow the account.", _CROSS),
    # The tenant, the cloud and the resource.
    (90002,    OPEN, "The tenant does not exist.",
                     "Check TenantID. If a customer has left, remove its secret from the vault (in CIPP: the tenant)."),
    (50059,    OPEN, "The request names no tenant.", _TENANT),
    (50128,    OPEN, "The request names no tenant, or its domain is not valid.", _TENANT),
    (50029,    OPEN, "The domain contains characters that are not valid.", _TENANT),
    (50107,    OPEN, "The federation realm of the domain does not exist.", _TENANT),
    (50169,    OPEN, "The service does not have the realm.", _TENANT),
    (90019,    OPEN, "Entra found no tenant in the request.", _TENANT),
    (9001023,  OPEN, "The sign-in requires a tenant's own endpoint.", _TENANT),
    (9002332,  OPEN, "The SAM app is for Entra users only and requires a tenant's own endpoint.", _TENANT),
    (90124,    OPEN, "The resource requires a tenant's own endpoint.", _TENANT),
    (90130,    OPEN, "The SAM app requires a tenant's own endpoint.", _TENANT),
    (50049,    OPEN, "The Entra instance is unknown or not valid.", _CLOUD),
    (90038,    OPEN, "The tenant belongs to another cloud.", _CLOUD),
    (90043,    OPEN, "The feature is disabled between clouds.", _CLOUD),
    (90051,    OPEN, "The cloud's name is not valid.", _CLOUD),
    (900382,   OPEN, "An app with a credential can't sign in across clouds.", _CLOUD),
    (900432,   OPEN, "An app with a credential can't sign in across clouds.", _CLOUD),
    (1000104,  OPEN, "The account's tenant does not allow this cloud.", _CLOUD),
    (500011,   OPEN, "The requested resource is unknown in the tenant.", _LICENCES),
    # Not on the page. Entra's text, as learn.microsoft.com shows it for SharePoint: "a subscription within the tenant
    # has lapsed, or the administrator has disabled the application".
    (500014,   OPEN, "The resource is disabled in the tenant: a license lapsed, or an admin disabled it.", _LICENCES),
    (50001,    OPEN, "The resource is disabled or does not exist.", _LICENCES),
    (50010,    OPEN, "The SAM app has no audience for its tokens.", _APP),
    (50042,    OPEN, "The salt for the account's identifier is missing.", _LATER),
    (50043,    OPEN, "There are several salts for the account's identifier.", _LATER),
    (50124,    OPEN, "A claims transformation of the SAM app is not valid.", _APP),
    (501241,   OPEN, "A claims transformation of the SAM app lacks an input.", _APP),
    (1000000,  OPEN, "The account is not bound to an external identity provider yet.", _SETUP),
    (100007,   OPEN, "Entra's regional endpoints don't serve this app.", _REPORT),
    (51000,    OPEN, "The feature is disabled.", _LOG),
    # Entra is busy or fails.
    (50000,    OPEN, "Entra could not issue a token.", _LATER),
    (50033,    OPEN, "Entra failed temporarily.", _LATER),
    (50086,    OPEN, "Entra's MFA service failed.", _LATER),
    (50087,    OPEN, "Entra's MFA service failed temporarily.", _LATER),
    (50196,    OPEN, "Too many identical requests were sent in a short time.", _LATER),
    (70012,    OPEN, "The sign-in service for personal accounts failed.", _LATER),
    (90006,    OPEN, "A service that Entra depends on is temporarily unavailable.", _LATER),
    (90010,    OPEN, "Entra does not support the algorithm.", _REPORT),
    (90012,    OPEN, "Entra did not finish in time.", _LATER),
    (90024,    OPEN, "Entra failed temporarily.", _LATER),
    (90033,    OPEN, "Entra's directory service is unavailable.", _LATER),
    (90036,    OPEN, "Entra's directory service failed.", _LATER),
    (90055,    OPEN, "The tenant sends too many requests.", _LATER),
    (90090,    OPEN, "Microsoft Graph is temporarily unavailable.", _LATER),
    (90091,    OPEN, "Entra couldn't reach Microsoft Graph.", _LATER),
    (90092,    OPEN, "Microsoft Graph failed.", _LATER),
    (230109,   OPEN, "Entra's backup service does not accept direct requests.", _LATER),
    # The format of the request, which this app creates.
    (28002,    OPEN, "The scope is not valid.", _REPORT),
    (28003,    OPEN, "The scope is empty.", _REPORT),
    (70003,    OPEN, "The grant type is not supported.", _REPORT),
    (70011,    OPEN, "The scope is not valid.", _REPORT),
    (700022,   OPEN, "The scope names more than one resource.", _REPORT),
    (700023,   OPEN, "The scope names no resource.", _REPORT),
    (90004,    OPEN, "The format of the request is not valid.", _REPORT),
    (90013,    OPEN, "An input is not valid.", _REPORT),
    (90014,    OPEN, "A field is missing in the request.", _REPORT),
    (900144,   OPEN, "A parameter is missing in the request.", _REPORT),
    (90016,    OPEN, "A claim is missing in the access token.", _REPORT),
    (90022,    OPEN, "The format of the principal's name is not valid.", _REPORT),
    (90023,    OPEN, "The request is not valid.", _REPORT),
    (90056,    OPEN, "The request does not match the token endpoint.", _REPORT),
    (900561,   OPEN, "The token endpoint does not accept this HTTP method.", _REPORT),
    (90100,    OPEN, "A parameter is empty or not valid.", _REPORT),
    (901002,   OPEN, "The parameter 'resource' is not supported.", _REPORT),
    (90102,    OPEN, "A URL in the request must be absolute.", _REPORT),
    (90117,    OPEN, "An input of the request is not valid.", _REPORT),
    (90121,    OPEN, "The request is empty.", _REPORT),
    (165900,   OPEN, "The request is not valid.", _REPORT),
)
# fmt: on
