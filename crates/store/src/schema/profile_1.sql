-- One profile: which accounts and workspaces this machine knows, and the small state of the windows. No password, no token.
pragma application_id = 0x434B5050; -- "CKPP"

create table profile (
  only integer primary key check (only = 1),
  last_server text,
  last_email text,
  open_account blob,
  open_tenant blob
) strict;
insert into profile (only) values (1);

create table preference (
  key text primary key not null,
  value text not null
) strict;

create table account (
  id blob primary key not null,
  server text not null,
  user blob not null,
  email text not null,
  anon_key text not null,
  unique (server, user)
) strict;

create table workspace (
  account blob not null references account (id) on delete cascade,
  tenant blob not null,
  position integer not null,
  brief text not null,
  scopes text not null,
  primary key (account, tenant)
) strict;
