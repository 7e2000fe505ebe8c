-- The certificate that a person has trusted for an account's server, as a SHA-256 fingerprint. It is no secret.
alter table account add column pinned_certificate text;
