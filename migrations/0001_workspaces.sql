-- Workspaces (a tenant in SQL), their members and invitations, and the helpers every policy asks.
-- Each migration takes back what default privileges gave and then grants exactly: old and new projects have opposite defaults.

create schema if not exists sync;
comment on schema sync is 'Cockpit''s change log and its machinery. Not exposed over the API.';
revoke all on schema sync from public, anon, authenticated, service_role;
grant usage on schema sync to authenticated, service_role;

create table public.tenants (
  id         uuid primary key,
  -- The same name as on every other record, so that one set of triggers serves all.
  tenant_id  uuid generated always as (id) stored,
  name       text not null check (length(btrim(name)) between 1 and 200),
  currency   text not null default 'EUR' check (currency ~ '^[A-Z]{3}$'),
  zone       text not null default 'UTC' check (length(zone) between 1 and 64),
  week_start smallint not null default 1 check (week_start between 1 and 7),
  version    bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  deleted_at timestamptz
);
comment on table public.tenants is 'A workspace. Written by functions only. week_start counts ISO days, 1 is Monday.';

create table public.tenant_members (
  id            uuid primary key,
  tenant_id     uuid not null references public.tenants (id),
  auth_user     uuid references auth.users (id) on delete set null,
  role          text not null check (role in ('owner', 'admin', 'manager', 'member', 'viewer')),
  finance_right boolean not null default true,
  name          text not null check (length(btrim(name)) between 1 and 200),
  avatar        text check (length(avatar) <= 2000),
  colour        text check (colour ~ '^#[0-9a-f]{6}$'),
  weekly_hours  numeric(5, 2) check (weekly_hours between 0 and 168),
  zone          text not null default 'UTC' check (length(zone) between 1 and 64),
  removed_at    timestamptz,
  version       bigint not null default 1,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  created_by    uuid,
  deleted_at    timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id)
);
comment on table public.tenant_members is
  'A person in a workspace; the row stays, with removed_at, when they leave, because records refer to it. Written by functions only.';
comment on column public.tenant_members.finance_right is
  'Whether a member or viewer may read the finance scope. Owner, admin and manager always may.';
create unique index tenant_members_active_key on public.tenant_members (tenant_id, auth_user) where removed_at is null;
create index tenant_members_auth_user_idx on public.tenant_members (auth_user);

create table public.invitations (
  id          uuid primary key,
  tenant_id   uuid not null references public.tenants (id),
  role        text not null check (role in ('admin', 'manager', 'member', 'viewer')),
  email       text check (length(email) <= 320),
  code_hash   text not null unique,
  expires_at  timestamptz not null,
  created_at  timestamptz not null default now(),
  created_by  uuid not null,
  accepted_at timestamptz,
  accepted_by uuid,
  revoked_at  timestamptz,
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, accepted_by) references public.tenant_members (tenant_id, id)
);
comment on table public.invitations is
  'An invitation into a workspace by a code of which only a hash is stored. Written by functions only; not part of the log.';
create index invitations_tenant_idx on public.invitations (tenant_id);

-- ---------------------------------------------------------------------------------------------------------------------------------
-- What policies ask. Definer functions, because a policy on tenant_members that reads tenant_members would recurse; set-returning,
-- because `in (select …)` is evaluated once a statement and a function of the row once a row; and in plpgsql, which keeps their plans
-- for the session, where a function in plain SQL that cannot be inlined would be planned again at every call.

create function sync.my_tenants() returns setof uuid
language plpgsql stable security definer set search_path = '' rows 10 as $$
begin
  return query
    select m.tenant_id
    from public.tenant_members m join public.tenants t on t.id = m.tenant_id
    where m.auth_user = auth.uid() and m.removed_at is null and t.deleted_at is null;
end
$$;
comment on function sync.my_tenants() is 'The workspaces in which the caller is a member now.';

create function sync.my_tenants_as(p_roles text[]) returns setof uuid
language plpgsql stable security definer set search_path = '' rows 10 as $$
begin
  return query
    select m.tenant_id
    from public.tenant_members m join public.tenants t on t.id = m.tenant_id
    where m.auth_user = auth.uid() and m.removed_at is null and t.deleted_at is null and m.role = any (p_roles);
end
$$;
comment on function sync.my_tenants_as(text[]) is 'The workspaces in which the caller has one of the given roles now.';

create function sync.my_finance_tenants() returns setof uuid
language plpgsql stable security definer set search_path = '' rows 10 as $$
begin
  return query
    select m.tenant_id
    from public.tenant_members m join public.tenants t on t.id = m.tenant_id
    where m.auth_user = auth.uid() and m.removed_at is null and t.deleted_at is null
      and (m.role in ('owner', 'admin', 'manager') or m.finance_right);
end
$$;
comment on function sync.my_finance_tenants() is 'The workspaces whose finance scope the caller may read now.';

create function sync.my_member(p_tenant uuid) returns uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return (
    select m.id
    from public.tenant_members m join public.tenants t on t.id = m.tenant_id
    where m.tenant_id = p_tenant and m.auth_user = auth.uid() and m.removed_at is null and t.deleted_at is null
  );
end
$$;
comment on function sync.my_member(uuid) is 'The caller''s member id in a workspace, or null.';

create function sync.server_ms() returns bigint
language plpgsql volatile set search_path = '' as $$
begin
  return floor(extract(epoch from clock_timestamp()) * 1000)::bigint;
end
$$;
comment on function sync.server_ms() is 'The server''s clock in Unix milliseconds, moving within a transaction.';

-- ---------------------------------------------------------------------------------------------------------------------------------

create table sync.installation (
  one            boolean primary key default true check (one),
  schema_version int not null
);
comment on table sync.installation is 'One row: the number of the last migration, which sync_health() answers.';
insert into sync.installation (schema_version) values (1);

alter table public.tenants enable row level security;
alter table public.tenant_members enable row level security;
alter table public.invitations enable row level security;
alter table sync.installation enable row level security;

create policy tenants_select on public.tenants for select to authenticated using (id in (select sync.my_tenants()));
create policy tenant_members_select on public.tenant_members for select to authenticated
  using (tenant_id in (select sync.my_tenants()));
create policy invitations_select on public.invitations for select to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin}')));

revoke all on public.tenants, public.tenant_members, public.invitations from public, anon, authenticated, service_role;
grant select on public.tenants, public.tenant_members to authenticated, service_role;
-- Never the code's hash: whoever can read it can try codes without being noticed.
grant select (id, tenant_id, role, email, expires_at, created_at, created_by, accepted_at, accepted_by, revoked_at)
  on public.invitations to authenticated, service_role;

revoke all on all functions in schema sync from public, anon, authenticated, service_role;
grant execute on function sync.my_tenants(), sync.my_tenants_as(text[]), sync.my_finance_tenants(), sync.my_member(uuid),
  sync.server_ms() to authenticated;
