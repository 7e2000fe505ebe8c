-- Writing: numbered, idempotent, version-checked mutations. The caller's own rights decide (apply_mutations is not a definer function);
-- only the ledger and the heads, to which clients have no right, are reached through small definer helpers.

create table sync.field (
  tbl    text not null references sync.logged_table (tbl),
  col    text not null,
  policy text not null check (policy in ('latest', 'set', 'ask', 'text')),
  primary key (tbl, col)
);
comment on table sync.field is
  'The columns that mutations may write, and what happens when two people changed one: the latest wins, sets are united, it is refused and '
  'asked, or a long text is merged by the client.';

create table sync.device (
  user_id   uuid not null references auth.users (id) on delete cascade,
  device    uuid not null,
  tenant_id uuid not null references public.tenants (id),
  last_no   bigint not null default 0,
  seen_at   timestamptz not null default now(),
  primary key (user_id, device)
) with (fillfactor = 50);
comment on table sync.device is 'The ledger''s head: the last mutation number of each device. Its row lock serialises a device''s calls.';

create table sync.mutation (
  user_id uuid not null,
  device  uuid not null,
  no      bigint not null,
  id      uuid not null,
  result  jsonb not null,
  at      timestamptz not null default now(),
  primary key (user_id, device, no),
  foreign key (user_id, device) references sync.device (user_id, device) on delete cascade
);
comment on table sync.mutation is 'The ledger: the answer that each mutation got, so that sending it again changes nothing.';
create index mutation_id_idx on sync.mutation (user_id, id);

alter table sync.field enable row level security;
alter table sync.device enable row level security;
alter table sync.mutation enable row level security;
create policy field_select on sync.field for select to authenticated using (true);
revoke all on sync.field, sync.device, sync.mutation from public, anon, authenticated, service_role;
grant select on sync.field to authenticated;

-- Grants the columns and writes the functions through which apply_one reads and writes the table. They run as the caller, so that row
-- security applies; fixed statements, whose plans a session keeps, where statements put together for each mutation cost twice as much.
create function sync.make_writable(p_table regclass) returns void
language plpgsql set search_path = '' as $$
declare
  v_tbl text := (select c.relname from pg_class c where c.oid = p_table);
  v_image text := (select l.image from sync.logged_table l where l.tbl = v_tbl);
  v_columns text;
  v_values text;
  v_defaults text;
  v_updates text;
begin
  select string_agg(quote_ident(f.col), ', ' order by f.col),
    string_agg(format('r.%I', f.col), ', ' order by f.col),
    coalesce(string_agg(format('%L, %s', f.col, pg_get_expr(d.adbin, d.adrelid)), ', ' order by f.col) filter (where d.oid is not null), ''),
    string_agg(format('%1$I = case when p_values ? %1$L then r.%1$I else t.%1$I end', f.col), ', ' order by f.col)
  into v_columns, v_values, v_defaults, v_updates
  from sync.field f
  join pg_attribute a on a.attrelid = p_table and a.attname = f.col
  left join pg_attrdef d on d.adrelid = p_table and d.adnum = a.attnum
  where f.tbl = v_tbl;
  execute format('grant insert (id, tenant_id, created_by, %s) on %s to authenticated', v_columns, p_table);
  execute format('grant update (%s, deleted_at) on %s to authenticated', v_columns, p_table);

  execute format($outer$
    create or replace function sync.read_%1$s(p_tenant uuid, p_record uuid) returns jsonb
    language plpgsql stable set search_path = '' as $fn$
    begin
      return (select %2$s from public.%1$I r where r.id = p_record and r.tenant_id = p_tenant);
    end $fn$;
    create or replace function sync.image_%1$s(p_values jsonb) returns jsonb
    language plpgsql stable set search_path = '' as $fn$
    begin
      return (select %2$s from jsonb_populate_record(null::public.%1$I, p_values) r);
    end $fn$;
    create or replace function sync.insert_%1$s(p_tenant uuid, p_record uuid, p_member uuid, p_values jsonb) returns bigint
    language plpgsql set search_path = '' as $fn$
    declare
      v_version bigint;
    begin
      insert into public.%1$I (id, tenant_id, created_by, %3$s)
      select p_record, p_tenant, p_member, %4$s
      from jsonb_populate_record(null::public.%1$I, jsonb_build_object(%5$s) || p_values) r
      returning version into v_version;
      return v_version;
    end $fn$;
    create or replace function sync.update_%1$s(p_tenant uuid, p_record uuid, p_values jsonb) returns bigint
    language plpgsql set search_path = '' as $fn$
    declare
      v_version bigint;
    begin
      update public.%1$I t set %6$s
      from jsonb_populate_record(null::public.%1$I, p_values) r
      where t.id = p_record and t.tenant_id = p_tenant
      returning t.version into v_version;
      return v_version;
    end $fn$;
  $outer$, v_tbl, v_image, v_columns, v_values, v_defaults, v_updates);
  execute format('revoke all on function sync.read_%1$s(uuid, uuid), sync.image_%1$s(jsonb), sync.insert_%1$s(uuid, uuid, uuid, jsonb), '
    'sync.update_%1$s(uuid, uuid, jsonb) from public, anon, authenticated, service_role', v_tbl);
  execute format('grant execute on function sync.read_%1$s(uuid, uuid), sync.image_%1$s(jsonb), sync.insert_%1$s(uuid, uuid, uuid, jsonb), '
    'sync.update_%1$s(uuid, uuid, jsonb) to authenticated', v_tbl);
end
$$;
comment on function sync.make_writable(regclass) is
  'Grants exactly the columns in sync.field and writes the table''s read_, image_, insert_ and update_ functions. For migrations, after '
  'their rows were inserted and log_table was called; row security and the guard still apply.';

insert into sync.field (tbl, col, policy) values
  ('clients', 'name', 'latest'), ('clients', 'priority', 'latest'), ('clients', 'notes', 'text'),
  ('clients', 'contract_url', 'latest'), ('clients', 'billing_currency', 'latest'), ('clients', 'email', 'latest'),
  ('clients', 'archived', 'latest'),
  ('projects', 'client_id', 'latest'), ('projects', 'name', 'latest'), ('projects', 'description', 'text'),
  ('projects', 'project_type', 'latest'), ('projects', 'priority', 'latest'), ('projects', 'status', 'latest'),
  ('projects', 'start_date', 'latest'), ('projects', 'target_end_date', 'latest'), ('projects', 'actual_end_date', 'latest'),
  ('projects', 'project_owner', 'latest'), ('projects', 'archived', 'latest'),
  ('project_budgets', 'billing', 'ask'), ('project_budgets', 'budget', 'ask'), ('project_budgets', 'budget_hours', 'ask'),
  ('project_budgets', 'alert_at', 'ask'), ('project_budgets', 'currency', 'ask'),
  ('tasks', 'project_id', 'latest'), ('tasks', 'parent_task', 'latest'), ('tasks', 'name', 'latest'),
  ('tasks', 'task_type', 'latest'), ('tasks', 'assignee', 'latest'), ('tasks', 'status', 'latest'),
  ('tasks', 'review_stage', 'latest'), ('tasks', 'priority', 'latest'), ('tasks', 'start_date', 'latest'),
  ('tasks', 'due_date', 'latest'), ('tasks', 'estimate_hours', 'latest'), ('tasks', 'billable', 'latest'),
  ('tasks', 'notes', 'text'), ('tasks', 'tags', 'set'), ('tasks', 'rank', 'latest');

-- ---------------------------------------------------------------------------------------------------------------------------------
-- The ledger, reached by the caller only for themselves.

create function sync.open_batch(p_tenant uuid, p_device uuid, p_kinds text[]) returns bigint
language plpgsql security definer set search_path = '' as $$
declare
  v_user constant uuid not null := sync.need_user();
  v_device sync.device;
begin
  if sync.my_member(p_tenant) is null then
    raise exception 'You are not a member of this workspace (any more).' using errcode = 'CK002';
  end if;
  insert into sync.device (user_id, device, tenant_id) values (v_user, p_device, p_tenant) on conflict do nothing;
  select d.* into strict v_device from sync.device d where d.user_id = v_user and d.device = p_device for update;
  if v_device.tenant_id <> p_tenant then
    raise exception 'This device id belongs to another workspace. Take a new one.' using errcode = 'CK006';
  end if;
  perform sync.take_heads(array[p_tenant], p_kinds);
  return v_device.last_no;
end
$$;
comment on function sync.open_batch(uuid, uuid, text[]) is
  'Takes the device''s ledger, then the heads, and answers the last number the ledger holds.';

create function sync.stored_result(p_device uuid, p_no bigint, p_id uuid) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
begin
  return (
    select m.result from sync.mutation m
    where m.user_id = auth.uid() and m.device = p_device and m.no = p_no and m.id = p_id
  );
end
$$;
comment on function sync.stored_result(uuid, bigint, uuid) is 'The answer a mutation got under this number, or null.';

create function sync.earlier_result(p_tenant uuid, p_id uuid) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
begin
  return (
    select m.result from sync.mutation m join sync.device d using (user_id, device)
    where m.user_id = auth.uid() and m.id = p_id and d.tenant_id = p_tenant
    order by m.at limit 1
  );
end
$$;
comment on function sync.earlier_result(uuid, uuid) is
  'The answer a mutation got under another number or from another of the caller''s devices: a copied device sends what the original sent.';

create function sync.store_result(p_device uuid, p_no bigint, p_id uuid, p_result jsonb) returns void
language plpgsql security definer set search_path = '' as $$
begin
  insert into sync.mutation (user_id, device, no, id, result) values (auth.uid(), p_device, p_no, p_id, p_result);
end
$$;
comment on function sync.store_result(uuid, bigint, uuid, jsonb) is 'Stores one answer; close_batch counts it.';

-- Once a batch: a row that is updated fifty times in a transaction makes every look at it fifty times as long.
create function sync.close_batch(p_device uuid, p_last bigint, p_count int) returns void
language plpgsql security definer set search_path = '' as $$
begin
  update sync.device d set last_no = p_last, seen_at = now()
  where d.user_id = auth.uid() and d.device = p_device and d.last_no = p_last - p_count
    and p_count = (
      select count(*) from sync.mutation m
      where m.user_id = d.user_id and m.device = d.device and m.no > d.last_no and m.no <= p_last);
  if not found then
    raise exception 'Mutation % is not the last of its device.', p_last using errcode = '40001';
  end if;
end
$$;
comment on function sync.close_batch(uuid, bigint, int) is 'Counts the answers that were stored in this batch.';

create function sync.columns_of_others(p_tbl text, p_record uuid, p_version bigint, p_device uuid) returns text[]
language plpgsql stable security definer set search_path = '' as $$
begin
  return (
    select coalesce(array_agg(distinct k.col), '{}')
    from sync.change c, unnest(c.changed_columns) as k (col)
    where c.record_id = p_record and c.tbl = p_tbl and c.version > p_version
      and c.scope in (select s.id from sync.my_scopes() s)
      and not exists (
        select from sync.mutation m where m.user_id = auth.uid() and m.device = p_device and m.id = c.mutation_id
      )
  );
end
$$;
comment on function sync.columns_of_others(text, uuid, bigint, uuid) is
  'What was changed after a version by anyone but this device, whose own earlier mutations are no conflict.';

create function sync.was_purged(p_tenant uuid, p_tbl text, p_record uuid) returns boolean
language sql stable security definer set search_path = '' as $$
  select exists (
    select from sync.tombstone t
    where t.tbl = p_tbl and t.record_id = p_record and t.tenant_id = p_tenant and p_tenant in (select sync.my_tenants())
  )
$$;
comment on function sync.was_purged(uuid, text, uuid) is 'Whether a record existed and was purged.';

revoke all on all functions in schema sync from public, anon, authenticated, service_role;
grant execute on function sync.my_tenants(), sync.my_tenants_as(text[]), sync.my_finance_tenants(), sync.my_member(uuid),
  sync.server_ms(), sync.my_scopes(), sync.need_user(), sync.open_batch(uuid, uuid, text[]),
  sync.stored_result(uuid, bigint, uuid), sync.earlier_result(uuid, uuid), sync.store_result(uuid, bigint, uuid, jsonb),
  sync.close_batch(uuid, bigint, int), sync.columns_of_others(text, uuid, bigint, uuid), sync.was_purged(uuid, text, uuid) to authenticated;
select sync.make_writable(('public.' || t.tbl)::regclass) from (select distinct f.tbl from sync.field f) t;
update sync.installation set schema_version = 5;
