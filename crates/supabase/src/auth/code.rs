//! The auth server's error codes, as it documents them.

use std::fmt;

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)*) => {
        /// An error code of the auth server.
        ///
        /// The list is that of GoTrue's documentation, as far as this crate's calls can meet them; a code that is not in it comes
        /// as [`Other`](Self::Other).
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AuthErrorCode {
            $($(#[$meta])* $name,)*
            /// A code that this version of the crate does not know, or the empty text when the server named none.
            Other(String),
        }

        impl AuthErrorCode {
            /// The code as the server writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for AuthErrorCode {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        #[cfg(test)]
        const ALL: &[AuthErrorCode] = &[$(AuthErrorCode::$name,)*];
    };
}

codes! {
    /// Wrong mail address or password. Servers from before error codes say `invalid_grant`.
    InvalidCredentials = "invalid_credentials",
    /// OAuth's older word for credentials or refresh tokens that do not hold.
    InvalidGrant = "invalid_grant",
    /// The address must be confirmed before signing in.
    EmailNotConfirmed = "email_not_confirmed",
    /// The address belongs to somebody already.
    EmailExists = "email_exists",
    /// The same, said at sign-up.
    UserAlreadyExists = "user_already_exists",
    /// The server sends no mail to this address.
    EmailAddressInvalid = "email_address_invalid",
    /// The project's built-in mail sends only to its team.
    EmailAddressNotAuthorized = "email_address_not_authorized",
    /// Sign-in by mail address is switched off.
    EmailProviderDisabled = "email_provider_disabled",
    /// Accounts cannot be made on this server.
    SignupDisabled = "signup_disabled",
    /// One-time codes are switched off, or would have made an account where that is not wanted.
    OtpDisabled = "otp_disabled",
    /// The code or link is wrong, spent or too old: the server does not tell which.
    OtpExpired = "otp_expired",
    /// A field is missing or malformed.
    ValidationFailed = "validation_failed",
    /// The password does not meet the project's rules.
    WeakPassword = "weak_password",
    /// The new password is the present one.
    SamePassword = "same_password",
    /// The password can be changed only with a code sent by mail: reauthenticate.
    ReauthenticationNeeded = "reauthentication_needed",
    /// That code is wrong.
    ReauthenticationNotValid = "reauthentication_not_valid",
    /// A second factor is needed for this.
    InsufficientAal = "insufficient_aal",
    /// The account is kept by an identity provider.
    UserSsoManaged = "user_sso_managed",
    /// The account is banned.
    UserBanned = "user_banned",
    /// There is no such account any more.
    UserNotFound = "user_not_found",
    /// The session is gone.
    SessionNotFound = "session_not_found",
    /// The session is too old.
    SessionExpired = "session_expired",
    /// The refresh token is not known.
    RefreshTokenNotFound = "refresh_token_not_found",
    /// The refresh token was used before; its family is revoked.
    RefreshTokenAlreadyUsed = "refresh_token_already_used",
    /// The access token does not hold.
    BadJwt = "bad_jwt",
    /// The access token is missing.
    NoAuthorization = "no_authorization",
    /// The PKCE code is not known or was used.
    FlowStateNotFound = "flow_state_not_found",
    /// The PKCE code is too old.
    FlowStateExpired = "flow_state_expired",
    /// The PKCE verifier does not belong to the code: it was made on another device or for another attempt.
    BadCodeVerifier = "bad_code_verifier",
    /// The provider's answer did not belong to a request of this server.
    BadOauthState = "bad_oauth_state",
    /// The provider's answer lacked something.
    BadOauthCallback = "bad_oauth_callback",
    /// The provider is not known here.
    OauthProviderNotSupported = "oauth_provider_not_supported",
    /// The provider is switched off.
    ProviderDisabled = "provider_disabled",
    /// The provider did not confirm the mail address.
    ProviderEmailNeedsVerification = "provider_email_needs_verification",
    /// The invitation is not known or was used.
    InviteNotFound = "invite_not_found",
    /// The captcha did not hold.
    CaptchaFailed = "captcha_failed",
    /// Too many requests from here.
    OverRequestRateLimit = "over_request_rate_limit",
    /// Too much mail was sent.
    OverEmailSendRateLimit = "over_email_send_rate_limit",
    /// The body was no JSON.
    BadJson = "bad_json",
    /// A race with another request.
    Conflict = "conflict",
    /// A hook of the project took too long.
    HookTimeout = "hook_timeout",
    /// The server's own time-out.
    RequestTimeout = "request_timeout",
    /// A failure of the server.
    UnexpectedFailure = "unexpected_failure",
}

impl fmt::Display for AuthErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, AuthErrorCode};

    #[test]
    fn every_code_survives_the_way_through_text() {
        for code in ALL {
            assert_eq!(&AuthErrorCode::from(code.as_str()), code);
            assert!(!matches!(AuthErrorCode::from(code.as_str()), AuthErrorCode::Other(_)));
        }
        assert_eq!(AuthErrorCode::from("brand_new").as_str(), "brand_new");
    }
}
