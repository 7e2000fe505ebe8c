-- Editing locks: leases on a record's form, held by a member, device and window, that end by themselves. Not part of the log, see
-- docs/decisions/0022; told by pull and by the heartbeat, hinted at on the feed, and obeyed by apply_mutations.
--
-- Whoever takes, renews or ends a lock holds the heads that a writer of the record holds, so that a write and a lock are always one after
-- the other, and locks are taken in the one sanctioned order: heads, lock rows, records.

create sequence sync.lock_fence;
comment on sequence sync.lock_fence is 'Gives every tenure of a lock a number above all earlier ones, of whatever record.';

create table public.editing_locks (
  id           uuid primary key default gen_random_uuid(),
  tenant_id    uuid not null references public.tenants (id),
  record_type  text not null check (record_type in ('task', 'project', 'client', 'economics', 'time')),
  record_id    uuid not null,
  holder       uuid not null,
  -- No foreign key: the row outlives the account, because its fence must.
  user_id      uuid not null,
  device       uuid not null,
  window_label text not null check (length(window_label) between 1 and 200),
  fence        bigint not null,
  locked_at    timestamptz not null,
  expires_at   timestamptz not null,
  unique (tenant_id, record_type, record_id),
  foreign key (tenant_id, holder) references public.tenant_members (tenant_id, id)
);
comment on table public.editing_locks is
  'Who edits which record, until when; a row past expires_at is free. Written by functions only; not part of the log. A row is never removed: '
  'it remembers the last fence, by which writes under earlier locks are refused for ever. So there is at most one for each record that was ever locked.';
create index editing_locks_live_idx on public.editing_locks (tenant_id, expires_at);

alter table public.editing_locks enable row level security;
create policy editing_locks_select on public.editing_locks for select to authenticated
  using (
    tenant_id in (select sync.my_tenants())
    and (record_type <> 'economics' or tenant_id in (select sync.my_finance_tenants()))
  );
revoke all on public.editing_locks from public, anon, authenticated, service_role;
revoke all on sequence sync.lock_fence from public, anon, authenticated, service_role;
grant select on public.editing_locks to authenticated, service_role;

alter table sync.field add column locked boolean not null default false;
comment on column sync.field.locked is 'Whether a lock on the record covers the column: somebody else''s write to it waits.';
update sync.field f set locked = true
where (f.tbl, f.col) in (
  ('clients', 'name'), ('clients', 'notes'), ('clients', 'contract_url'), ('clients', 'billing_currency'), ('clients', 'email'),
  ('projects', 'client_id'), ('projects', 'name'), ('projects', 'description'), ('projects', 'project_type'),
  ('project_budgets', 'billing'), ('project_budgets', 'budget'), ('project_budgets', 'budget_hours'), ('project_budgets', 'alert_at'),
  ('project_budgets', 'currency'),
  ('tasks', 'name'), ('tasks', 'task_type'), ('tasks', 'estimate_hours'), ('tasks', 'billable'), ('tasks', 'notes'));

-- ---------------------------------------------------------------------------------------------------------------------------------

create function sync.lock_type(p_tbl text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case p_tbl
    when 'clients' then 'client' when 'projects' then 'project' when 'project_budgets' then 'project' when 'tasks' then 'task'
    when 'economics_model' then 'economics' when 'time_entries' then 'time' end;
end
$$;
comment on function sync.lock_type(text) is 'The record type under which a lock covers the records of a table, or null. A project''s covers its budget.';

create function sync.lock_heads(p_types text[]) returns text[]
language plpgsql immutable set search_path = '' as $$
begin
  return array(
    select distinct k from unnest(p_types) t, unnest(case t
      when 'project' then '{tenant,finance}'::text[] when 'economics' then '{finance}' else '{tenant}' end) k);
end
$$;
comment on function sync.lock_heads(text[]) is 'The kinds of scopes in which the records of these types are written, whose heads their locks take.';

create function sync.lock_roles(p_type text) returns text[]
language plpgsql immutable set search_path = '' as $$
begin
  return case when p_type in ('task', 'time') then '{owner,admin,manager,member}'::text[] else '{owner,admin,manager}' end;
end
$$;
comment on function sync.lock_roles(text) is 'Who may write, and therefore lock, records of a type; for time entries see sync.need_lockable.';

-- Statements of their own instead of one put together: a session keeps their plans, and one about a table that a later migration
-- makes is planned only when it is reached.
create function sync.need_lockable(p_me public.tenant_members, p_type text, p_record uuid) returns void
language plpgsql stable security definer set search_path = '' as $$
declare
  v_found boolean;
  v_owner uuid;
begin
  if p_me.role <> all (sync.lock_roles(p_type)) then
    raise exception 'Your role (%) does not allow editing this record.', p_me.role using errcode = 'CK003';
  end if;
  if p_type = 'task' then
    v_found := exists (select from public.tasks r where r.id = p_record and r.tenant_id = p_me.tenant_id and r.deleted_at is null);
  elsif p_type = 'project' then
    v_found := exists (select from public.projects r where r.id = p_record and r.tenant_id = p_me.tenant_id and r.deleted_at is null);
  elsif p_type = 'client' then
    v_found := exists (select from public.clients r where r.id = p_record and r.tenant_id = p_me.tenant_id and r.deleted_at is null);
  elsif p_type = 'economics' then
    v_found := exists (select from public.economics_model r where r.id = p_record and r.tenant_id = p_me.tenant_id and r.deleted_at is null);
  else
    select r.member_id into v_owner
    from public.time_entries r where r.id = p_record and r.tenant_id = p_me.tenant_id and r.deleted_at is null;
    v_found := found;
    if v_found and p_me.role = 'member' and v_owner is distinct from p_me.id then
      raise exception 'One edits one''s own time; a manager may edit everyone''s.' using errcode = 'CK003';
    end if;
  end if;
  if not v_found then
    raise exception 'The record does not exist, is in the trash, or you cannot see it.' using errcode = 'CK006';
  end if;
exception when undefined_table then
  raise exception 'This server has no records of type "%".', p_type using errcode = 'CK006';
end
$$;
comment on function sync.need_lockable(public.tenant_members, text, uuid) is
  'Error CK003 unless the member may write such a record, CK006 unless it exists in their workspace and outside the trash.';

create function sync.lock_json(p_lock public.editing_locks) returns json
language plpgsql volatile set search_path = '' as $$
begin
  return json_build_object(
    'record_type', p_lock.record_type, 'record_id', p_lock.record_id, 'member', p_lock.holder, 'device', p_lock.device,
    'window', p_lock.window_label, 'fence', p_lock.fence,
    'locked_at', to_char(p_lock.locked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'expires_at', to_char(p_lock.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'expires_in_ms', greatest(0, floor(extract(epoch from p_lock.expires_at - clock_timestamp()) * 1000)::bigint));
end
$$;
comment on function sync.lock_json(public.editing_locks) is 'One lock as the protocol sends it.';

create function sync.live_locks(p_tenants uuid[], p_finance uuid[]) returns json
language plpgsql stable security definer set search_path = '' as $$
declare
  -- One instant, which the index can be asked for; clock_timestamp() in the condition would be asked for each row.
  v_now constant timestamptz := clock_timestamp();
begin
  return (
    select coalesce(json_agg(sync.lock_json(l) order by l.record_type, l.record_id), '[]')
    from public.editing_locks l
    where l.tenant_id = any (p_tenants) and l.expires_at > v_now and (l.record_type <> 'economics' or l.tenant_id = any (p_finance))
  );
end
$$;
comment on function sync.live_locks(uuid[], uuid[]) is
  'The locks that hold now in these workspaces; those on economics only where the finance scope may be read. Its callers have asked for the rights.';

create function sync.hint_locks(p_tenant uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
  perform sync.send(jsonb_build_object('scope', s.id), 'locks', format('fractal:%s:%s:changes', s.id, s.feed_key))
  from sync.scope s where s.tenant_id = p_tenant and s.kind = 'tenant';
end
$$;
comment on function sync.hint_locks(uuid) is 'Tells the workspace that some lock was taken, released or taken over; an error becomes a warning.';

-- ---------------------------------------------------------------------------------------------------------------------------------

create function public.lock_record(
  p_tenant uuid, p_device uuid, p_window text, p_type text, p_record uuid, p_seconds int default 30, p_take_over boolean default false
) returns json
language plpgsql security definer set search_path = '' set lock_timeout = '2s' as $$
declare
  v_me public.tenant_members;
  v_before bigint;
  v_lock public.editing_locks;
  v_granted boolean;
begin
  v_me := sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
  if p_device is null or p_record is null or p_window is null or length(p_window) not between 1 and 200
    or p_type is null or p_type not in ('task', 'project', 'client', 'economics', 'time') then
    raise exception 'A lock names a device, a window (1 to 200 characters), a record and its type.' using errcode = 'CK006';
  elsif p_seconds is null or p_seconds not between 10 and 300 then
    raise exception 'A lock lasts 10 to 300 seconds.' using errcode = 'CK006';
  end if;
  perform sync.need_lockable(v_me, p_type, p_record);
  perform sync.take_heads(array[p_tenant], sync.lock_heads(array[p_type]));
  -- Again, now that nobody else can change roles or records.
  v_me := sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
  perform sync.need_lockable(v_me, p_type, p_record);

  select l.fence into v_before from public.editing_locks l
  where l.tenant_id = p_tenant and l.record_type = p_type and l.record_id = p_record;
  -- The clock is asked in SET and WHERE, once the row is held. excluded would hold the instants from before the wait for it.
  insert into public.editing_locks as l
    (tenant_id, record_type, record_id, holder, user_id, device, window_label, fence, locked_at, expires_at)
  values (p_tenant, p_type, p_record, v_me.id, v_me.auth_user, p_device, p_window, nextval('sync.lock_fence'),
    clock_timestamp(), clock_timestamp() + make_interval(secs => p_seconds))
  on conflict (tenant_id, record_type, record_id) do update set
    holder = v_me.id, user_id = v_me.auth_user, device = p_device, window_label = p_window,
    fence = case
      when l.expires_at > clock_timestamp() and (l.holder, l.device, l.window_label) = (v_me.id, p_device, p_window) then l.fence
      else nextval('sync.lock_fence') end,
    locked_at = case
      when l.expires_at > clock_timestamp() and (l.holder, l.device, l.window_label) = (v_me.id, p_device, p_window) then l.locked_at
      else clock_timestamp() end,
    expires_at = clock_timestamp() + make_interval(secs => p_seconds)
  where l.expires_at <= clock_timestamp()
    or (l.holder, l.device, l.window_label) = (v_me.id, p_device, p_window)
    or coalesce(p_take_over, false) and (l.holder = v_me.id or v_me.role in ('owner', 'admin', 'manager'))
  returning l.* into v_lock;
  v_granted := found;
  if not v_granted then
    select l.* into v_lock from public.editing_locks l
    where l.tenant_id = p_tenant and l.record_type = p_type and l.record_id = p_record;
  elsif v_before is distinct from v_lock.fence then
    -- What everyone else is sent with each pull must have an end.
    if (
      select count(*) from (
        select from public.editing_locks l
        where l.tenant_id = p_tenant and l.expires_at > v_lock.locked_at and l.holder = v_me.id limit 101) own
    ) > 100 then
      raise exception 'You are editing 100 records already. Close some of them first.' using errcode = 'CK006';
    end if;
    perform sync.hint_locks(p_tenant);
  end if;
  return json_build_object('server_ms', sync.server_ms(), 'granted', v_granted, 'lock', sync.lock_json(v_lock));
end
$$;
comment on function public.lock_record(uuid, uuid, text, text, uuid, int, boolean) is
  'Takes or renews a lock for 10 to 300 seconds, or answers who holds it. Taking over is allowed from oneself, and by managers from anybody.';

create function public.lock_heartbeat(p_tenant uuid, p_device uuid, p_locks json, p_seconds int default 30) returns json
language plpgsql security definer set search_path = '' set lock_timeout = '2s' as $$
declare
  v_me public.tenant_members;
  v_gone json := '[]';
begin
  v_me := sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
  if p_device is null or json_typeof(p_locks) is distinct from 'array' or json_array_length(p_locks) > 200 then
    raise exception 'A heartbeat names a device and at most 200 locks.' using errcode = 'CK006';
  elsif p_seconds is null or p_seconds not between 10 and 300 then
    raise exception 'A lock lasts 10 to 300 seconds.' using errcode = 'CK006';
  end if;

  if json_array_length(p_locks) > 0 then
    perform sync.take_heads(array[p_tenant], sync.lock_heads(
      array(select distinct j.record_type from json_to_recordset(p_locks) as j (record_type text))));
    v_me := sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
    with named as (
      select distinct j.record_type, j.record_id, j.fence
      from json_to_recordset(p_locks) as j (record_type text, record_id uuid, fence bigint)
    ), mine as (
      -- Whose role was lowered meanwhile renews nothing that they may not write any more.
      select l.id, l.record_type, l.record_id, l.fence
      from named n join public.editing_locks l
        on l.tenant_id = p_tenant and l.record_type = n.record_type and l.record_id = n.record_id and l.fence = n.fence
      where l.holder = v_me.id and l.device = p_device and l.expires_at > clock_timestamp() and v_me.role = any (sync.lock_roles(l.record_type))
      order by l.record_type, l.record_id for no key update of l
    ), renewed as (
      update public.editing_locks l set expires_at = clock_timestamp() + make_interval(secs => p_seconds)
      from mine m where l.id = m.id
      returning l.record_type, l.record_id, l.fence
    )
    select coalesce(json_agg(json_build_object('record_type', g.record_type, 'record_id', g.record_id)), '[]') into v_gone
    from (
      select n.record_type, n.record_id from named n
      where not exists (select from renewed r where (r.record_type, r.record_id, r.fence) = (n.record_type, n.record_id, n.fence))
      order by 1, 2
    ) g;
  end if;

  return json_build_object(
    'server_ms', sync.server_ms(),
    'locks', sync.live_locks(array[p_tenant], array(select f from sync.my_finance_tenants() f where f = p_tenant)),
    'gone', v_gone);
end
$$;
comment on function public.lock_heartbeat(uuid, uuid, json, int) is
  'Renews those of a device''s locks that are still held under their fence, names those that are gone, and answers all live locks.';

create function public.unlock_record(p_tenant uuid, p_device uuid, p_window text, p_type text, p_record uuid) returns json
language plpgsql security definer set search_path = '' set lock_timeout = '2s' as $$
declare
  v_me public.tenant_members;
  v_released boolean;
begin
  perform sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
  perform sync.take_heads(array[p_tenant], sync.lock_heads(array[p_type]));
  v_me := sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
  update public.editing_locks l set expires_at = clock_timestamp()
  where l.tenant_id = p_tenant and l.record_type = p_type and l.record_id = p_record
    and (l.holder, l.device, l.window_label) = (v_me.id, p_device, p_window) and l.expires_at > clock_timestamp();
  v_released := found;
  if v_released then
    perform sync.hint_locks(p_tenant);
  end if;
  return json_build_object('server_ms', sync.server_ms(), 'released', v_released);
end
$$;
comment on function public.unlock_record(uuid, uuid, text, text, uuid) is 'Ends the caller''s own lock. The row stays, with its fence.';

-- ---------------------------------------------------------------------------------------------------------------------------------

create function sync.held_back(
  p_tenant uuid, p_device uuid, p_tbl text, p_record uuid, p_op text, p_set jsonb, p_fence bigint
) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  v_type constant text := sync.lock_type(p_tbl);
  v_lock public.editing_locks;
  v_me public.tenant_members;
begin
  if v_type is null then
    return null;
  end if;
  select l.* into v_lock from public.editing_locks l
  where l.tenant_id = p_tenant and l.record_type = v_type and l.record_id = p_record;
  if not found then
    return null;
  end if;
  -- Who may not write the record is told so by its policies and waits for nobody.
  select m.* into v_me from public.tenant_members m where m.id = sync.my_member(p_tenant);
  if not found or v_me.role <> all (sync.lock_roles(v_type)) then
    return null;
  end if;

  if p_fence < v_lock.fence then
    return sync.rejected('fenced', 'Somebody else has edited this record since. Look at it before you write your version.');
  elsif v_lock.expires_at <= clock_timestamp() or (v_lock.holder, v_lock.device) = (v_me.id, p_device) then
    return null;
  elsif p_op = 'delete'
    or p_op in ('insert', 'update') and exists (select from sync.field f where f.tbl = p_tbl and f.locked and p_set ? f.col) then
    return (
      select jsonb_build_object(
        'status', 'waiting', 'code', 'locked', 'message', format('%s is editing this record.', m.name),
        'fields', jsonb_build_object('holder', jsonb_build_object('member', m.id, 'name', m.name,
          'expires_at', to_char(v_lock.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))))
      from public.tenant_members m where m.id = v_lock.holder
    );
  end if;
  return null;
end
$$;
comment on function sync.held_back(uuid, uuid, text, uuid, text, jsonb, bigint) is
  'What keeps a mutation from being applied: a final refusal (its fence is old), that it waits (another device holds the record), or null.';

create or replace function public.apply_mutations(p_tenant uuid, p_device uuid, p_batch json) returns json
language plpgsql set search_path = '' set lock_timeout = '2s' as $$
declare
  v_kinds text[];
  v_member uuid;
  v_last bigint;
  v_count int := 0;
  v_scopes jsonb;
  v_mutation record;
  v_held jsonb;
  v_result jsonb;
  v_results jsonb[] := '{}';
  v_message text;
  v_column text;
  v_constraint text;
begin
  perform sync.need_user();
  if p_tenant is null or p_device is null or json_typeof(p_batch) is distinct from 'array' or json_array_length(p_batch) > 50 then
    raise exception 'A call names a workspace, a device and at most 50 mutations.' using errcode = 'CK006';
  end if;
  if exists (
    select from json_to_recordset(p_batch) as m (id uuid, no bigint, tbl text, record uuid)
    where m.id is null or m.no is null or m.tbl is null or m.record is null or m.no < 1
  ) then
    raise exception 'Every mutation has an id, a number from 1, a table and a record.' using errcode = 'CK006';
  end if;

  -- Ledger, then heads, and both outside the sub-blocks below: rolling one back would let its locks go.
  select coalesce(array_agg(distinct l.scope_kind), '{}') into v_kinds
  from json_to_recordset(p_batch) as m (tbl text) join sync.logged_table l on l.tbl = m.tbl;
  v_last := sync.open_batch(p_tenant, p_device, v_kinds);
  v_member := sync.my_member(p_tenant);

  if exists (
    select from json_to_recordset(p_batch) as m (id uuid, no bigint)
    where m.no <= v_last and sync.stored_result(p_device, m.no, m.id) is null
  ) then
    return json_build_object('server_ms', sync.server_ms(), 'error', 'device_forked', 'expected', v_last + 1);
  elsif exists (
    select from (
      select m.no, row_number() over (order by m.n) as i
      from rows from (json_to_recordset(p_batch) as (no bigint)) with ordinality as m (no, n)
      where m.no > v_last
    ) f where f.no <> v_last + f.i
  ) then
    return json_build_object('server_ms', sync.server_ms(), 'error', 'out_of_order', 'expected', v_last + 1);
  end if;

  -- Nobody else can raise the heads that are held, so that reading them once is enough: next_block tells what we add.
  select coalesce(jsonb_object_agg(l.tbl, jsonb_build_object('scope', s.id, 'seq', s.head)), '{}') into v_scopes
  from sync.my_scopes() s join sync.logged_table l on l.scope_kind = s.kind
  where s.tenant_id = p_tenant and s.kind = any (v_kinds);
  perform set_config('sync.head_' || k, '', true) from unnest(v_kinds) k;

  perform set_config('sync.in_apply', pg_current_xact_id()::text, true);
  for v_mutation in
    select m.*, l.scope_kind
    from rows from (json_to_recordset(p_batch) as (
      id uuid, no bigint, tbl text, record uuid, op text, base_version bigint, "set" jsonb, base jsonb, fence bigint
    )) with ordinality as m (id, no, tbl, record, op, base_version, "set", base, fence, n)
    left join sync.logged_table l on l.tbl = m.tbl
    order by m.n
  loop
    if v_mutation.no <= v_last then
      v_results := v_results || sync.stored_result(p_device, v_mutation.no, v_mutation.id);
      continue;
    end if;

    v_result := sync.earlier_result(p_tenant, v_mutation.id);
    if v_result is null then
      -- The heads are held, and whoever takes or renews a lock holds them too: what is read here stays true until the commit.
      v_held := sync.held_back(p_tenant, p_device, v_mutation.tbl, v_mutation.record, v_mutation.op, v_mutation."set", v_mutation.fence);
      perform set_config('sync.mutation', v_mutation.id::text, true);
      -- Only what the data or the caller's rights forbid is final. Deadlocks, time-outs, cancellation, full disks and schema errors
      -- leave this function, undo the whole call, and are sent again.
      begin
        v_result := coalesce(v_held, sync.apply_one(p_tenant, v_member, p_device, v_mutation.tbl, v_mutation.record, v_mutation.op,
          v_mutation.base_version, v_mutation."set", v_mutation.base));
      exception
        when sqlstate 'CK000' or data_exception or integrity_constraint_violation or insufficient_privilege then
          get stacked diagnostics v_message = message_text, v_column = column_name, v_constraint = constraint_name;
          v_result := case
            when sqlstate = '42501' then sync.rejected('forbidden', 'Your role does not allow this.')
            when sqlstate = '23505' then sync.rejected('exists', 'A record with this id exists already.')
            when sqlstate = '23503' then
              sync.rejected('invalid', format('It refers to a record that is not in this workspace (%s).', v_constraint))
            when sqlstate = '23502' then sync.rejected('invalid', format('"%s" must have a value.', v_column))
            when sqlstate = '23514' and v_constraint <> '' then
              sync.rejected('invalid', format('A value is outside what is allowed (%s).', v_constraint))
            else sync.rejected('invalid', v_message)
          end;
      end;
      perform set_config('sync.mutation', '', true);
      v_result := jsonb_build_object('scope', null, 'seq', null, 'version', null, 'code', null, 'message', null, 'fields', null,
        'merged', false) || v_result;
      if v_result ->> 'status' = 'applied' then
        v_result := v_result || coalesce(v_scopes -> v_mutation.tbl, '{}');
        if current_setting('sync.head_' || v_mutation.scope_kind) <> '' then
          v_result := v_result || jsonb_build_object('seq', current_setting('sync.head_' || v_mutation.scope_kind)::bigint);
        end if;
      end if;
    end if;
    v_result := v_result || jsonb_build_object('id', v_mutation.id, 'no', v_mutation.no);
    if v_result ->> 'status' = 'waiting' then
      -- Neither stored nor counted: numbers have no holes, so that nothing after it can be applied in this call.
      v_results := v_results || v_result;
      exit;
    end if;
    perform sync.store_result(p_device, v_mutation.no, v_mutation.id, v_result);
    v_results := v_results || v_result;
    v_last := v_mutation.no;
    v_count := v_count + 1;
  end loop;
  if v_count > 0 then
    perform sync.close_batch(p_device, v_last, v_count);
  end if;
  perform set_config('sync.in_apply', '', true);

  return json_build_object(
    'server_ms', sync.server_ms(), 'expected', v_last + 1,
    'scopes', (
      select coalesce(json_agg(json_build_object('scope', s.id, 'kind', s.kind, 'epoch', s.epoch, 'head', s.head, 'feed_key', s.feed_key)
        order by s.kind desc), '[]')
      from sync.my_scopes() s where s.tenant_id = p_tenant),
    'results', to_json(v_results)
  );
end
$$;

comment on function public.apply_mutations(uuid, uuid, json) is
  'Applies up to 50 mutations of one device in order, each at most once, and answers what became of each; one that waits for another''s lock ends the batch. '
  'See docs/sync-protocol.md.';

create or replace function public.sync_pull(p_cursors json, p_limit int default 1000) returns json
language plpgsql stable security definer set search_path = '' as $$
declare
  v_user constant uuid not null := sync.need_user();
  v_rows int := greatest(1, least(coalesce(p_limit, 1000), 1000));
  v_bytes bigint := 1000000;
  v_full boolean := false;
  v_cursor record;
  v_scope sync.scope;
  v_state text;
  v_changes json;
  v_count int;
  v_size bigint;
  v_last sync.change;
  v_scopes json[] := '{}';
  v_tenants uuid[] := '{}';
  v_finance uuid[] := '{}';
begin
  if json_typeof(p_cursors) is distinct from 'array' or json_array_length(p_cursors) > 200 then
    raise exception 'p_cursors must be an array of at most 200 cursors.' using errcode = 'CK006';
  end if;

  for v_cursor in
    select x.scope, coalesce(x.epoch, 0) as epoch, coalesce(x.seq, 0) as seq, x.mark
    from (
      select distinct on (j.scope) j.scope, j.epoch, j.seq, j.mark, j.n
      from rows from (json_to_recordset(p_cursors) as (scope uuid, epoch bigint, seq bigint, mark uuid)) with ordinality
        as j (scope, epoch, seq, mark, n)
      where j.scope is not null
    ) x order by x.n
  loop
    select s.* into v_scope from sync.my_scopes() s where s.id = v_cursor.scope;
    if not found then
      v_scopes := v_scopes || json_build_object('scope', v_cursor.scope, 'state', 'gone');
      continue;
    end if;
    if v_scope.kind = 'tenant' then
      v_tenants := v_tenants || v_scope.tenant_id;
    elsif v_scope.kind = 'finance' then
      v_finance := v_finance || v_scope.tenant_id;
    end if;

    v_state := case
      when v_cursor.epoch <> v_scope.epoch or v_cursor.seq < v_scope.min_seq or v_cursor.seq > v_scope.head then 'must_refetch'
      when v_cursor.seq = 0 then 'ok'
      when v_cursor.mark is distinct from
        (select c.mark from sync.change c where c.scope = v_scope.id and c.seq = v_cursor.seq) then 'must_refetch'
      else 'ok'
    end;

    v_changes := '[]';
    v_count := 0;
    if v_state = 'ok' and v_rows > 0 and not v_full then
      -- The page ends before the row that would pass the megabyte, but the first row of an answer is always sent.
      select coalesce(json_agg(sync.change_json(p.c) order by (p.c).seq), '[]'), count(*), coalesce(max(p.total), 0)
      into v_changes, v_count, v_size
      from (
        select q.c, q.total
        from (
          select c, sum(300 + coalesce(octet_length(c."row"::text), 0)) over (order by c.seq) as total
          from sync.change c
          -- Numbers have no gaps, so a range of them is a page; a LIMIT would let the planner sort the whole log.
          where c.scope = v_scope.id and c.seq > v_cursor.seq and c.seq <= v_cursor.seq + v_rows
        ) q
        where q.total <= v_bytes or (v_bytes = 1000000 and (q.c).seq = v_cursor.seq + 1)
      ) p;
      v_rows := v_rows - v_count;
      v_bytes := v_bytes - v_size;
      -- A page that was cut by its size must not be followed by a smaller one of another scope that overtakes its budget.
      v_full := v_cursor.seq + v_count < v_scope.head;
    end if;

    if v_count > 0 then
      select c.* into v_last from sync.change c where c.scope = v_scope.id and c.seq = v_cursor.seq + v_count;
    end if;
    v_scopes := v_scopes || json_build_object(
      'scope', v_scope.id, 'tenant', v_scope.tenant_id, 'kind', v_scope.kind, 'epoch', v_scope.epoch, 'head', v_scope.head,
      'min_seq', v_scope.min_seq, 'feed_key', v_scope.feed_key, 'state', v_state, 'changes', v_changes,
      'tx_complete', v_count = 0 or not exists (
        select from sync.change c where c.scope = v_scope.id and c.seq = v_last.seq + 1 and c.xid = v_last.xid),
      'more', v_state = 'ok' and v_cursor.seq + v_count < v_scope.head
    );
  end loop;

  for v_scope in
    select s.* from sync.my_scopes() s
    where s.tenant_id in (
        select k.tenant_id from sync.scope k
        where k.id in (select j.scope from json_to_recordset(p_cursors) as j (scope uuid)))
      and s.id not in (select j.scope from json_to_recordset(p_cursors) as j (scope uuid) where j.scope is not null)
    order by s.kind desc, s.id
  loop
    if v_scope.kind = 'tenant' then
      v_tenants := v_tenants || v_scope.tenant_id;
    elsif v_scope.kind = 'finance' then
      v_finance := v_finance || v_scope.tenant_id;
    end if;
    v_scopes := v_scopes || json_build_object(
      'scope', v_scope.id, 'tenant', v_scope.tenant_id, 'kind', v_scope.kind, 'epoch', v_scope.epoch, 'head', v_scope.head,
      'min_seq', v_scope.min_seq, 'feed_key', v_scope.feed_key, 'state', 'new', 'changes', '[]'::json,
      'tx_complete', true, 'more', false
    );
  end loop;

  -- Both loops together met every scope that the caller may read of the cursors' workspaces: no further question of rights is needed.
  return json_build_object('server_ms', sync.server_ms(), 'scopes', array_to_json(v_scopes), 'locks', sync.live_locks(v_tenants, v_finance));
end
$$;

revoke all on function public.lock_record(uuid, uuid, text, text, uuid, int, boolean), public.lock_heartbeat(uuid, uuid, json, int),
  public.unlock_record(uuid, uuid, text, text, uuid) from public, anon, authenticated, service_role;
grant execute on function public.lock_record(uuid, uuid, text, text, uuid, int, boolean), public.lock_heartbeat(uuid, uuid, json, int),
  public.unlock_record(uuid, uuid, text, text, uuid) to authenticated;
revoke all on function sync.lock_type(text), sync.lock_heads(text[]), sync.lock_roles(text),
  sync.need_lockable(public.tenant_members, text, uuid), sync.lock_json(public.editing_locks), sync.live_locks(uuid[], uuid[]),
  sync.hint_locks(uuid), sync.held_back(uuid, uuid, text, uuid, text, jsonb, bigint) from public, anon, authenticated, service_role;
grant execute on function sync.held_back(uuid, uuid, text, uuid, text, jsonb, bigint) to authenticated;
update sync.installation set schema_version = 9;
