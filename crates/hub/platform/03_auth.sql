-- Accounts, sessions, one-time codes, mails to people and the limits of sign-in, and the helpers that read the caller's claims. Every
-- statement can be applied again, also over what an earlier version of the hub made.

create table if not exists auth.users (
  id                 uuid primary key default gen_random_uuid(),
  aud                text not null default 'authenticated',
  role               text not null default 'authenticated',
  email              text,
  encrypted_password text,
  email_confirmed_at timestamptz,
  last_sign_in_at    timestamptz,
  banned_until       timestamptz,
  raw_app_meta_data  jsonb not null default '{"provider": "email", "providers": ["email"]}',
  raw_user_meta_data jsonb not null default '{}',
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  deleted_at         timestamptz
);
create unique index if not exists users_email_key on auth.users (lower(email)) where deleted_at is null;

create table if not exists auth.sessions (
  id           uuid primary key default gen_random_uuid(),
  user_id      uuid not null references auth.users (id) on delete cascade,
  user_agent   text,
  created_at   timestamptz not null default now(),
  refreshed_at timestamptz,
  not_after    timestamptz
);
create index if not exists sessions_user_id_idx on auth.sessions (user_id);

create table if not exists auth.refresh_tokens (
  id         bigint generated always as identity primary key,
  token      text not null unique,
  parent     text,
  user_id    uuid not null references auth.users (id) on delete cascade,
  session_id uuid not null references auth.sessions (id) on delete cascade,
  revoked    boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index if not exists refresh_tokens_session_id_idx on auth.refresh_tokens (session_id);

-- Columns that came after the first version.
alter table auth.users
  add column if not exists invited_at               timestamptz,
  add column if not exists confirmation_sent_at     timestamptz,
  add column if not exists recovery_sent_at         timestamptz,
  add column if not exists email_change             text,
  add column if not exists email_change_sent_at     timestamptz,
  add column if not exists reauthentication_sent_at timestamptz;
-- How the session began, which an access token tells as `amr`.
alter table auth.sessions add column if not exists method text not null default 'password';

-- A PKCE flow: begun by a client that keeps the verifier, finished by it with the code that the mailed link handed to its redirect.
create table if not exists auth.flow_state (
  id                    uuid primary key,
  user_id               uuid not null references auth.users (id) on delete cascade,
  code_challenge        text not null,
  code_challenge_method text not null check (code_challenge_method in ('s256', 'plain')),
  authentication_method text not null,
  auth_code_hash        text unique,
  auth_code_issued_at   timestamptz,
  created_at            timestamptz not null default now()
);
create index if not exists flow_state_created_at_idx on auth.flow_state (created_at);

-- Codes and links sent by mail: only keyed hashes, with a key that is not in the database, because a million codes are tried in a second.
create table if not exists auth.one_time_tokens (
  id             uuid primary key,
  user_id        uuid not null references auth.users (id) on delete cascade,
  token_type     text not null
    check (token_type in ('confirmation', 'recovery', 'email_change_new', 'email_change_current', 'reauthentication')),
  code_hash      text not null,
  link_hash      text not null unique,
  -- The address the mail went to.
  relates_to     text not null,
  -- Comparisons with a typed code so far.
  attempts       int not null default 0,
  -- Whether who asked for this code had typed the password that the unconfirmed account holds.
  keeps_password boolean not null default false,
  flow_id        uuid references auth.flow_state (id) on delete set null,
  created_at     timestamptz not null default now(),
  expires_at     timestamptz not null,
  unique (user_id, token_type)
);
create index if not exists one_time_tokens_relates_to_idx on auth.one_time_tokens (relates_to);

-- Mails on their way, and those kept to be read here when the hub has no mail server. What was sent keeps neither text nor code.
create table if not exists auth.mail (
  id              bigint generated always as identity primary key,
  recipient       text not null,
  kind            text not null,
  subject         text not null,
  body            text,
  code            text,
  link            text,
  created_at      timestamptz not null default now(),
  -- What the mail holds is worth nothing afterwards, so that it is no longer sent.
  expires_at      timestamptz not null,
  attempts        int not null default 0,
  next_attempt_at timestamptz not null default now(),
  sent_at         timestamptz,
  failed_at       timestamptz
);
create index if not exists mail_due_idx on auth.mail (next_attempt_at) where sent_at is null and failed_at is null;

-- Token buckets (as the time at which a bucket is full again): unlogged, because after a crash they may begin anew.
create unlogged table if not exists auth.rate_limit (
  bucket  text not null,
  key     text not null,
  full_at timestamptz not null,
  primary key (bucket, key)
);
create index if not exists rate_limit_full_at_idx on auth.rate_limit (full_at);

alter table auth.flow_state owner to supabase_auth_admin;
alter table auth.one_time_tokens owner to supabase_auth_admin;
alter table auth.mail owner to supabase_auth_admin;
alter table auth.rate_limit owner to supabase_auth_admin;
alter table auth.flow_state enable row level security;
alter table auth.one_time_tokens enable row level security;
alter table auth.mail enable row level security;
alter table auth.rate_limit enable row level security;

alter table auth.users owner to supabase_auth_admin;
alter table auth.sessions owner to supabase_auth_admin;
alter table auth.refresh_tokens owner to supabase_auth_admin;
alter table auth.users enable row level security;
alter table auth.sessions enable row level security;
alter table auth.refresh_tokens enable row level security;
grant all on auth.users, auth.sessions, auth.refresh_tokens to postgres;

create or replace function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;

create or replace function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid
$$;

create or replace function auth.role() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
  )
$$;

create or replace function auth.email() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
  )
$$;

alter function auth.jwt() owner to supabase_auth_admin;
alter function auth.uid() owner to supabase_auth_admin;
alter function auth.role() owner to supabase_auth_admin;
alter function auth.email() owner to supabase_auth_admin;
