-- Money: economics models, rates, expenses, scenarios and exchange rates. Finance scope: read by those who have the finance right.

create table public.economics_model (
  id               uuid primary key,
  tenant_id        uuid not null references public.tenants (id),
  name             text not null check (length(btrim(name)) >= 1 and length(name) <= 200),
  base_rate        numeric(14, 2) not null default 0 check (base_rate between 0 and 999999999999),
  direct_expenses  numeric(14, 2) not null default 0 check (direct_expenses between 0 and 999999999999),
  margin_target    numeric(5, 2) not null default 0 check (margin_target between 0 and 100),
  overhead_percent numeric(6, 2) not null default 0 check (overhead_percent between 0 and 1000),
  currency         text not null check (currency ~ '^[A-Z]{3}$'),
  archived         boolean not null default false,
  version          bigint not null default 1,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  created_by       uuid,
  deleted_at       timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id)
);
comment on table public.economics_model is
  'How a project is reckoned: base_rate an hour and direct_expenses in currency, margin_target and overhead_percent in percent. Finance scope.';

create table public.rates (
  id              uuid primary key,
  tenant_id       uuid not null references public.tenants (id),
  kind            text not null check (kind in ('cost', 'billable')),
  member_id       uuid,
  role            text check (role in ('owner', 'admin', 'manager', 'member', 'viewer')),
  project_id      uuid,
  economics_model uuid,
  amount          numeric(14, 2) not null check (amount between 0 and 999999999999),
  currency        text not null check (currency ~ '^[A-Z]{3}$'),
  valid_from      date not null check (isfinite(valid_from)),
  version         bigint not null default 1,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  created_by      uuid,
  deleted_at      timestamptz,
  constraint rates_of_one_subject check (num_nonnulls(member_id, role, project_id, economics_model) = 1),
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, member_id) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, project_id) references public.projects (tenant_id, id) on delete cascade,
  foreign key (tenant_id, economics_model) references public.economics_model (tenant_id, id) on delete cascade
);
comment on table public.rates is
  'What an hour costs or is billed at, from a day on: of a member, a role, a project or an economics model. Finance scope.';
create unique index rates_subject_key on public.rates (tenant_id, kind, valid_from, member_id, role, project_id, economics_model)
  nulls not distinct where deleted_at is null;
create index rates_project_idx on public.rates (tenant_id, project_id);
create index rates_economics_model_idx on public.rates (tenant_id, economics_model);

create table public.expenses (
  id          uuid primary key,
  tenant_id   uuid not null references public.tenants (id),
  project_id  uuid not null,
  spent_on    date not null check (isfinite(spent_on)),
  description text not null default '' check (length(description) <= 1000),
  amount      numeric(14, 2) not null check (amount between 0 and 999999999999),
  currency    text not null check (currency ~ '^[A-Z]{3}$'),
  billable    boolean not null default false,
  version     bigint not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  created_by  uuid,
  deleted_at  timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, project_id) references public.projects (tenant_id, id) on delete cascade
);
comment on table public.expenses is 'Money spent for a project on a day. Finance scope.';
create index expenses_project_idx on public.expenses (tenant_id, project_id, spent_on);

create table public.scenarios (
  id              uuid primary key,
  tenant_id       uuid not null references public.tenants (id),
  name            text not null check (length(btrim(name)) >= 1 and length(name) <= 200),
  project_id      uuid,
  economics_model uuid,
  -- The limit is 20,000 bytes as sent; kept, each comma and colon is followed by a blank, which makes it half as long again at most.
  assumptions     jsonb not null default '{}' check (octet_length(assumptions::text) <= 30000),
  notes           text not null default '' check (length(notes) <= 100000),
  version         bigint not null default 1,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  created_by      uuid,
  deleted_at      timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, project_id) references public.projects (tenant_id, id) on delete set null (project_id),
  foreign key (tenant_id, economics_model) references public.economics_model (tenant_id, id) on delete set null (economics_model)
);
comment on table public.scenarios is 'What if: assumptions that a forecast is reckoned with. Finance scope.';
create index scenarios_project_idx on public.scenarios (tenant_id, project_id);
create index scenarios_economics_model_idx on public.scenarios (tenant_id, economics_model);

create table public.exchange_rates (
  id         uuid primary key,
  tenant_id  uuid not null references public.tenants (id),
  currency   text not null check (currency ~ '^[A-Z]{3}$'),
  valid_from date not null check (isfinite(valid_from)),
  rate       numeric(20, 10) not null check (rate > 0 and rate <= 9999999999),
  version    bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id)
);
comment on table public.exchange_rates is
  'One unit of currency in the workspace''s own, from a day on. Finance scope.';
create unique index exchange_rates_day_key on public.exchange_rates (tenant_id, currency, valid_from) where deleted_at is null;

alter table public.project_budgets add column economics_model uuid,
  add constraint project_budgets_economics_model_fkey foreign key (tenant_id, economics_model)
    references public.economics_model (tenant_id, id) on delete set null (economics_model);
create index project_budgets_economics_model_idx on public.project_budgets (tenant_id, economics_model);

create table public.economics_templates (
  id               uuid primary key,
  name             text not null unique check (length(btrim(name)) between 1 and 200),
  description      text not null check (length(description) <= 1000),
  margin_target    numeric(5, 2) not null check (margin_target between 0 and 100),
  overhead_percent numeric(6, 2) not null check (overhead_percent between 0 and 1000),
  position         int not null unique
);
comment on table public.economics_templates is
  'What a new economics model may begin with. Written by migrations only, the same for every workspace, and not part of the log.';
insert into public.economics_templates (id, name, description, margin_target, overhead_percent, position) values
  ('00000000-0000-4000-8000-0000000e0001', 'Freelancer', 'One person: little overhead, no margin beyond the own pay.', 10, 15, 10),
  ('00000000-0000-4000-8000-0000000e0002', 'Studio', 'A small team with rooms and shared tools.', 25, 40, 20),
  ('00000000-0000-4000-8000-0000000e0003', 'Consultancy', 'Senior people, time between projects, sales.', 35, 80, 30);

-- ---------------------------------------------------------------------------------------------------------------------------------

create trigger refuse_duplicate before insert or update on public.rates
  for each row when (new.deleted_at is null)
  execute function sync.refuse_duplicate('There is a rate of this kind from this day on already.', 'kind', 'valid_from', 'member_id', 'role',
    'project_id', 'economics_model');
create trigger refuse_duplicate before insert or update on public.exchange_rates
  for each row when (new.deleted_at is null)
  execute function sync.refuse_duplicate('There is an exchange rate of this currency from this day on already.', 'currency', 'valid_from');

alter table public.economics_model enable row level security;
alter table public.rates enable row level security;
alter table public.expenses enable row level security;
alter table public.scenarios enable row level security;
alter table public.exchange_rates enable row level security;
alter table public.economics_templates enable row level security;

create policy economics_model_select on public.economics_model for select to authenticated
  using (tenant_id in (select sync.my_finance_tenants()));
create policy economics_model_insert on public.economics_model for insert to authenticated
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')) and created_by = (select sync.my_member(tenant_id)));
create policy economics_model_update on public.economics_model for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')));

create policy rates_select on public.rates for select to authenticated using (tenant_id in (select sync.my_finance_tenants()));
create policy rates_insert on public.rates for insert to authenticated
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin}')) and created_by = (select sync.my_member(tenant_id)));
create policy rates_update on public.rates for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin}')));

create policy expenses_select on public.expenses for select to authenticated using (tenant_id in (select sync.my_finance_tenants()));
create policy expenses_insert on public.expenses for insert to authenticated
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')) and created_by = (select sync.my_member(tenant_id)));
create policy expenses_update on public.expenses for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')));

create policy scenarios_select on public.scenarios for select to authenticated using (tenant_id in (select sync.my_finance_tenants()));
create policy scenarios_insert on public.scenarios for insert to authenticated
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')) and created_by = (select sync.my_member(tenant_id)));
create policy scenarios_update on public.scenarios for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')));

create policy exchange_rates_select on public.exchange_rates for select to authenticated
  using (tenant_id in (select sync.my_finance_tenants()));
create policy exchange_rates_insert on public.exchange_rates for insert to authenticated
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin}')) and created_by = (select sync.my_member(tenant_id)));
create policy exchange_rates_update on public.exchange_rates for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin}')));

create policy economics_templates_select on public.economics_templates for select to authenticated using (true);

revoke all on public.economics_model, public.rates, public.expenses, public.scenarios, public.exchange_rates, public.economics_templates
  from public, anon, authenticated, service_role;
grant select on public.economics_model, public.rates, public.expenses, public.scenarios, public.exchange_rates, public.economics_templates
  to authenticated, service_role;

insert into sync.logged_table (tbl, scope_kind, position) values
  ('economics_model', 'finance', 110),
  ('rates', 'finance', 120),
  ('expenses', 'finance', 130),
  ('scenarios', 'finance', 140),
  ('exchange_rates', 'finance', 150);
select sync.log_table(('public.' || t.tbl)::regclass)
from unnest(array['project_budgets', 'economics_model', 'rates', 'expenses', 'scenarios', 'exchange_rates']) as t (tbl);

insert into sync.field (tbl, col, policy) values
  ('project_budgets', 'economics_model', 'ask'),
  ('economics_model', 'name', 'latest'), ('economics_model', 'base_rate', 'ask'), ('economics_model', 'direct_expenses', 'ask'),
  ('economics_model', 'margin_target', 'ask'), ('economics_model', 'overhead_percent', 'ask'), ('economics_model', 'currency', 'ask'),
  ('economics_model', 'archived', 'latest'),
  ('rates', 'kind', 'ask'), ('rates', 'member_id', 'ask'), ('rates', 'role', 'ask'), ('rates', 'project_id', 'ask'),
  ('rates', 'economics_model', 'ask'), ('rates', 'amount', 'ask'), ('rates', 'currency', 'ask'), ('rates', 'valid_from', 'ask'),
  ('expenses', 'project_id', 'ask'), ('expenses', 'spent_on', 'ask'), ('expenses', 'description', 'latest'),
  ('expenses', 'amount', 'ask'), ('expenses', 'currency', 'ask'), ('expenses', 'billable', 'ask'),
  ('scenarios', 'name', 'latest'), ('scenarios', 'project_id', 'latest'), ('scenarios', 'economics_model', 'latest'),
  ('scenarios', 'assumptions', 'ask'), ('scenarios', 'notes', 'text'),
  ('exchange_rates', 'currency', 'ask'), ('exchange_rates', 'valid_from', 'ask'), ('exchange_rates', 'rate', 'ask');
update sync.field f set locked = true
where f.tbl in ('project_budgets', 'economics_model', 'rates', 'expenses', 'scenarios', 'exchange_rates')
  and (f.policy = 'ask' or (f.tbl, f.col) = ('economics_model', 'name'));
select sync.make_writable(('public.' || t.tbl)::regclass)
from unnest(array['project_budgets', 'economics_model', 'rates', 'expenses', 'scenarios', 'exchange_rates']) as t (tbl);
update sync.installation set schema_version = 12;
