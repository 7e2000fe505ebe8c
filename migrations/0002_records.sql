-- Clients, projects, their budgets, and tasks. Budgets are a table of their own because they belong to the finance scope: a row of the
-- tenant scope is read by everyone in the workspace, and a log row carries all its columns.
-- Foreign keys are composite, since a plain one ignores row security and would accept another workspace's record.

create table public.clients (
  id               uuid primary key,
  tenant_id        uuid not null references public.tenants (id),
  name             text not null check (length(btrim(name)) between 1 and 500),
  priority         text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  notes            text not null default '' check (length(notes) <= 100000),
  contract_url     text check (length(contract_url) <= 2000),
  billing_currency text check (billing_currency ~ '^[A-Z]{3}$'),
  email            text check (length(email) <= 320),
  archived         boolean not null default false,
  version          bigint not null default 1,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  created_by       uuid,
  deleted_at       timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id)
);
comment on table public.clients is 'Whom the workspace works for.';

create table public.projects (
  id              uuid primary key,
  tenant_id       uuid not null references public.tenants (id),
  client_id       uuid,
  name            text not null check (length(btrim(name)) between 1 and 500),
  description     text not null default '' check (length(description) <= 100000),
  project_type    text check (length(project_type) <= 100),
  priority        text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  status          text not null default 'planned' check (status in ('planned', 'active', 'on_hold', 'done', 'cancelled')),
  start_date      date,
  target_end_date date,
  actual_end_date date,
  project_owner   uuid,
  archived        boolean not null default false,
  version         bigint not null default 1,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  created_by      uuid,
  deleted_at      timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, project_owner) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, client_id) references public.clients (tenant_id, id) on delete set null (client_id)
);
comment on table public.projects is 'A body of work for a client or for the workspace itself. Its money is in project_budgets.';
create index projects_client_idx on public.projects (tenant_id, client_id);

create table public.project_budgets (
  id           uuid primary key,
  tenant_id    uuid not null references public.tenants (id),
  billing      text not null default 'hourly' check (billing in ('fixed', 'hourly', 'retainer')),
  budget       numeric(14, 2) check (budget >= 0),
  budget_hours numeric(10, 2) check (budget_hours >= 0),
  alert_at     numeric(5, 2) check (alert_at between 0 and 100),
  currency     text check (currency ~ '^[A-Z]{3}$'),
  version      bigint not null default 1,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  created_by   uuid,
  deleted_at   timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, id) references public.projects (tenant_id, id) on delete cascade
);
comment on table public.project_budgets is
  'The money of a project, under the project''s own id. alert_at is a percentage of the budget. Finance scope.';

create table public.tasks (
  id             uuid primary key,
  tenant_id      uuid not null references public.tenants (id),
  project_id     uuid,
  parent_task    uuid check (parent_task <> id),
  name           text not null check (length(btrim(name)) between 1 and 1000),
  task_type      text check (length(task_type) <= 100),
  assignee       uuid,
  status         text not null default 'open' check (status in ('open', 'in_progress', 'review', 'done', 'cancelled')),
  review_stage   text check (length(review_stage) <= 100),
  priority       text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  start_date     date,
  due_date       date,
  estimate_hours numeric(8, 2) check (estimate_hours >= 0),
  billable       boolean not null default true,
  notes          text not null default '' check (length(notes) <= 100000),
  tags           text[] not null default '{}' check (cardinality(tags) <= 100 and array_position(tags, null) is null),
  rank           text collate "C" not null default 'a0' check (rank ~ '^[0-9A-Za-z]{1,200}$'),
  version        bigint not null default 1,
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  created_by     uuid,
  deleted_at     timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, assignee) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, project_id) references public.projects (tenant_id, id) on delete set null (project_id),
  foreign key (tenant_id, parent_task) references public.tasks (tenant_id, id) on delete set null (parent_task)
);
comment on table public.tasks is 'Something to do. rank orders by bytes, the order in which clients make keys between two others.';
create index tasks_project_idx on public.tasks (tenant_id, project_id);
create index tasks_parent_idx on public.tasks (tenant_id, parent_task);

-- A task below itself would never end a tree walk. Writers of a workspace are serialised by its head, so that this sees every parent.
create function sync.refuse_task_cycle() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (
    with recursive up (id, depth) as (
      select new.parent_task, 1
      union all
      select t.parent_task, up.depth + 1
      from up join public.tasks t on t.id = up.id
      where t.parent_task is not null and up.depth <= 100
    )
    select from up where up.id = new.id or up.depth > 100
  ) then
    raise exception 'A task cannot be below itself, nor more than 100 levels deep.' using errcode = '23514';
  end if;
  return null;
end
$$;
create trigger refuse_cycle_on_insert after insert on public.tasks
  for each row when (new.parent_task is not null) execute function sync.refuse_task_cycle();
create trigger refuse_cycle_on_update after update of parent_task on public.tasks
  for each row when (new.parent_task is not null and new.parent_task is distinct from old.parent_task)
  execute function sync.refuse_task_cycle();

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Reading is never narrowed by deleted_at: a policy that hid trashed rows would make moving to the trash fail. Every UPDATE policy
-- repeats membership and role, because an update that reads no column is not subject to the SELECT policies. There is no DELETE policy
-- and no such grant: the trash is an update, and purging is a function's.

alter table public.clients enable row level security;
alter table public.projects enable row level security;
alter table public.project_budgets enable row level security;
alter table public.tasks enable row level security;

create policy clients_select on public.clients for select to authenticated using (tenant_id in (select sync.my_tenants()));
create policy clients_insert on public.clients for insert to authenticated
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')) and created_by = (select sync.my_member(tenant_id)));
create policy clients_update on public.clients for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')));

create policy projects_select on public.projects for select to authenticated using (tenant_id in (select sync.my_tenants()));
create policy projects_insert on public.projects for insert to authenticated
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')) and created_by = (select sync.my_member(tenant_id)));
create policy projects_update on public.projects for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')));

create policy project_budgets_select on public.project_budgets for select to authenticated
  using (tenant_id in (select sync.my_finance_tenants()));
create policy project_budgets_insert on public.project_budgets for insert to authenticated
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')) and created_by = (select sync.my_member(tenant_id)));
create policy project_budgets_update on public.project_budgets for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager}')));

create policy tasks_select on public.tasks for select to authenticated using (tenant_id in (select sync.my_tenants()));
create policy tasks_insert on public.tasks for insert to authenticated
  with check (
    tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')) and created_by = (select sync.my_member(tenant_id))
  );
create policy tasks_update on public.tasks for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')));

revoke all on public.clients, public.projects, public.project_budgets, public.tasks from public, anon, authenticated, service_role;
grant select on public.clients, public.projects, public.project_budgets, public.tasks to authenticated, service_role;
-- The writable columns are granted where they are registered for mutations (sync.field, 0005), so that the two cannot differ.

revoke all on function sync.refuse_task_cycle() from public, anon, authenticated, service_role;
update sync.installation set schema_version = 2;
