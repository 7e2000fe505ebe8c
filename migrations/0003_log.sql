-- The change log: per scope a gap-free, commit-ordered sequence of row images.
--
-- Every writer takes locks in one order: device ledger, scope heads sorted by id, lock rows, records. A number is taken under the
-- scope's row lock, which is held until commit; a rolled-back savepoint or transaction gives its numbers back.

create table sync.scope (
  id        uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references public.tenants (id),
  kind      text not null check (kind in ('tenant', 'finance', 'user')),
  member_id uuid,
  head      bigint not null default 0,
  min_seq   bigint not null default 0,
  epoch     bigint not null default 1,
  feed_key  text not null default replace(gen_random_uuid()::text, '-', ''),
  last_xid  xid8,
  from_seq  bigint not null default 0,
  check ((kind = 'user') = (member_id is not null)),
  unique nulls not distinct (tenant_id, kind, member_id)
-- One hot row a scope: room on its page keeps each update off the indexes, and vacuum comes early.
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
comment on table sync.scope is
  'A set of rows that the same people see. head: last number given by a committed transaction; min_seq: the lowest cursor that pull still serves; epoch: raised when '
  'the log is replaced; feed_key: part of the topics, renewed when someone loses access; from_seq: first number of the transaction last_xid.';

create table sync.change (
  scope           uuid not null,
  seq             bigint not null,
  -- Random, so that a cursor taken before a server was set back to a backup is told from one taken after.
  mark            uuid not null default gen_random_uuid(),
  tbl             text not null,
  record_id       uuid not null,
  op              text not null check (op in ('insert', 'update', 'delete')),
  version         bigint not null,
  changed_columns text[],
  "row"           jsonb,
  actor           uuid,
  mutation_id     uuid,
  xid             xid8 not null default pg_current_xact_id(),
  at              timestamptz not null default clock_timestamp(),
  primary key (scope, seq)
);
comment on table sync.change is
  'The log. actor: member who wrote, found from the caller''s token; mutation_id: null for functions; row: the image after, null for a purge.';
create index change_record_idx on sync.change (record_id, version);

create table sync.tombstone (
  tbl       text not null,
  record_id uuid not null,
  tenant_id uuid not null,
  version   bigint not null,
  primary key (tbl, record_id)
);
comment on table sync.tombstone is 'The last version of a purged record, from which the version continues if its id comes back.';

create table sync.logged_table (
  tbl        text primary key,
  scope_kind text not null check (scope_kind in ('tenant', 'finance')),
  -- Written by sync.log_table: the jsonb expression of a row named r, and the order of bootstrap.
  image      text,
  position   int not null unique
);
comment on table sync.logged_table is
  'The tables of schema public that are logged. To add one, or a column to one: insert its row, then call sync.log_table(''public.x'').';

alter table sync.scope enable row level security;
alter table sync.change enable row level security;
alter table sync.tombstone enable row level security;
alter table sync.logged_table enable row level security;
create policy logged_table_select on sync.logged_table for select to authenticated using (true);
revoke all on all tables in schema sync from public, anon, authenticated, service_role;
grant select on sync.logged_table to authenticated;

-- ---------------------------------------------------------------------------------------------------------------------------------

create function sync.take_heads(p_tenants uuid[], p_kinds text[] default null) returns void
language plpgsql security definer set search_path = '' as $$
begin
  perform from sync.scope s
  where s.tenant_id = any (p_tenants) and (p_kinds is null or s.kind = any (p_kinds))
  order by s.id for no key update;
  -- Rolled back with a savepoint, exactly as the locks are.
  perform set_config('sync.heads', pg_current_xact_id()::text, true);
end
$$;
comment on function sync.take_heads(uuid[], text[]) is
  'Takes the heads of the workspaces in the one sanctioned order, before any record is touched. Every definer function that writes calls it first.';

create function sync.take_all_heads() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if current_setting('sync.heads', true) is distinct from pg_current_xact_id()::text then
    -- A bare statement of an administrator or of a referential action: whose rows it will touch is not known yet, so all heads.
    perform from sync.scope s order by s.id for no key update;
    perform set_config('sync.heads', pg_current_xact_id()::text, true);
  end if;
  return null;
end
$$;

-- Not a definer function, alone among the triggers: it must see who writes. A client that writes past apply_mutations would bypass the
-- ledger, the versions and the locks.
create function sync.refuse_direct_write() returns trigger
language plpgsql set search_path = '' as $$
begin
  if current_user in ('anon', 'authenticated')
    and current_setting('sync.in_apply', true) is distinct from pg_current_xact_id()::text then
    raise exception 'Records are written through apply_mutations only, not directly to %.', tg_table_name
      using errcode = '42501';
  end if;
  return null;
end
$$;

create function sync.refuse_truncate() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  raise exception '% is logged and cannot be truncated: delete its rows, at most 500 in a transaction.', tg_table_name
    using errcode = 'CK011';
end
$$;

create function sync.stamp() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    new.version := 1 + coalesce(
      (select t.version from sync.tombstone t where t.tbl = tg_table_name and t.record_id = new.id), 0);
  else
    if new.id is distinct from old.id then
      raise exception 'The id of a record never changes.' using errcode = 'CK012';
    end if;
    new.version := old.version + 1;
    new.updated_at := now();
  end if;
  return new;
end
$$;

-- Apart from sync.stamp, because tenants.tenant_id is generated and therefore null before the write.
create function sync.keep_tenant() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  raise exception 'A record never moves to another workspace.' using errcode = 'CK012';
end
$$;

create function sync.create_scopes() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into sync.scope (tenant_id, kind) values (new.id, 'tenant'), (new.id, 'finance');
  return null;
end
$$;
-- Row triggers run before statement triggers, so the scopes are there when the workspace's own row is logged.
create trigger create_scopes after insert on public.tenants for each row execute function sync.create_scopes();

create function sync.image_of(p_table regclass) returns text
language sql stable set search_path = '' as $$
  select string_agg('jsonb_build_object(' || c.pairs || ')', ' || ' order by c.chunk)
  from (
    -- A call has at most 100 arguments.
    select (n.i - 1) / 50 as chunk,
      string_agg(format('%L, ', n.attname) || case n.atttypid
        when 'numeric'::regtype then format('r.%I::text', n.attname)
        when 'timestamptz'::regtype then format('to_char(r.%I at time zone ''UTC'', ''YYYY-MM-DD"T"HH24:MI:SS.US"Z"'')', n.attname)
        else format('r.%I', n.attname) end, ', ' order by n.i) as pairs
    from (
      select a.attname, a.atttypid, row_number() over (order by a.attnum) as i
      from pg_attribute a where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
    ) n
    group by 1
  ) c
$$;
comment on function sync.image_of(regclass) is
  'The jsonb expression of a row r of the table, in the protocol''s formats: numeric as a string, instants in UTC with microseconds.';

-- Writes the log function of one table and hangs the triggers on it. Called again after a column was added.
create function sync.log_table(p_table regclass) returns void
language plpgsql set search_path = '' as $$
declare
  v_tbl text := (select c.relname from pg_class c where c.oid = p_table);
  v_kind text := (select l.scope_kind from sync.logged_table l where l.tbl = v_tbl);
  v_image text := sync.image_of(p_table);
  v_changed text;
begin
  if v_kind is null then
    raise exception 'Insert the row of % into sync.logged_table first.', v_tbl;
  end if;
  update sync.logged_table set image = v_image where tbl = v_tbl;

  select string_agg(format('case when r.%1$I is distinct from o.%1$I then %1$L end', a.attname), ', ' order by a.attnum)
  into v_changed
  from pg_attribute a
  where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
    and a.attname not in ('id', 'tenant_id', 'version', 'created_at', 'created_by', 'updated_at');

  -- Without enable_nestloop = off a plan made for one row would be kept for a hundred thousand, and take their square.
  execute format($outer$
    create or replace function sync.log_%1$s() returns trigger
    language plpgsql security definer set search_path = '' set enable_nestloop = off as $log$
    declare
      v_part record;
      v_head record;
      v_mutation uuid := nullif(current_setting('sync.mutation', true), '')::uuid;
    begin
      -- One workspace a turn, nearly always the only one.
      if tg_op = 'INSERT' then
        for v_part in select r.tenant_id, count(*) as n from new_rows r group by 1 loop
          v_head := sync.next_block(%2$L, v_part.tenant_id, v_part.n);
          insert into sync.change (scope, seq, tbl, record_id, op, version, changed_columns, "row", actor, mutation_id)
          select v_head.scope, v_head.base + row_number() over (order by r.id),
            %1$L, r.id, 'insert', r.version, null, %3$s, v_head.actor, v_mutation
          from new_rows r where r.tenant_id = v_part.tenant_id;
        end loop;
      elsif tg_op = 'UPDATE' then
        for v_part in select r.tenant_id, count(*) as n from new_rows r group by 1 loop
          v_head := sync.next_block(%2$L, v_part.tenant_id, v_part.n);
          insert into sync.change (scope, seq, tbl, record_id, op, version, changed_columns, "row", actor, mutation_id)
          select v_head.scope, v_head.base + row_number() over (order by r.id),
            %1$L, r.id, 'update', r.version, array_remove(array[%4$s]::text[], null), %3$s, v_head.actor, v_mutation
          from new_rows r join old_rows o on o.id = r.id where r.tenant_id = v_part.tenant_id;
        end loop;
      else
        insert into sync.tombstone (tbl, record_id, tenant_id, version)
        select %1$L, o.id, o.tenant_id, o.version + 1 from old_rows o
        on conflict (tbl, record_id) do update set version = excluded.version, tenant_id = excluded.tenant_id;
        for v_part in select r.tenant_id, count(*) as n from old_rows r group by 1 loop
          v_head := sync.next_block(%2$L, v_part.tenant_id, v_part.n);
          insert into sync.change (scope, seq, tbl, record_id, op, version, changed_columns, "row", actor, mutation_id)
          select v_head.scope, v_head.base + row_number() over (order by r.id),
            %1$L, r.id, 'delete', r.version + 1, null, null, v_head.actor, v_mutation
          from old_rows r where r.tenant_id = v_part.tenant_id;
        end loop;
      end if;
      return null;
    end
    $log$
  $outer$, v_tbl, v_kind, v_image, v_changed);
  execute format('revoke all on function sync.log_%s() from public, anon, authenticated, service_role', v_tbl);

  execute format('create or replace trigger sync_1_guard before insert or update or delete on %s
    for each statement execute function sync.refuse_direct_write()', p_table);
  execute format('create or replace trigger sync_2_heads before insert or update or delete on %s
    for each statement execute function sync.take_all_heads()', p_table);
  execute format('create or replace trigger sync_3_stamp before insert or update on %s
    for each row execute function sync.stamp()', p_table);
  execute format('create or replace trigger sync_4_tenant after update on %s
    for each row when (new.tenant_id is distinct from old.tenant_id) execute function sync.keep_tenant()', p_table);
  execute format('create or replace trigger sync_5_log_insert after insert on %s
    referencing new table as new_rows for each statement execute function sync.log_%s()', p_table, v_tbl);
  execute format('create or replace trigger sync_5_log_update after update on %s
    referencing old table as old_rows new table as new_rows for each statement execute function sync.log_%s()', p_table, v_tbl);
  execute format('create or replace trigger sync_5_log_delete after delete on %s
    referencing old table as old_rows for each statement execute function sync.log_%s()', p_table, v_tbl);
  execute format('create or replace trigger sync_6_truncate before truncate on %s
    for each statement execute function sync.refuse_truncate()', p_table);
end
$$;
comment on function sync.log_table(regclass) is
  'Hangs the log on a table that has its row in sync.logged_table. For migrations; call it again after a column was added.';

create function sync.next_block(p_kind text, p_tenant uuid, p_count bigint, out scope uuid, out base bigint, out actor uuid)
language plpgsql security definer set search_path = '' set enable_nestloop = on as $$
begin
  update sync.scope s
  -- The log has the last word: an administrator's "set constraints all immediate" would let sync.settle() speak before the last block.
  set from_seq = greatest(s.head, (select max(c.seq) from sync.change c where c.scope = s.id)) + 1, last_xid = pg_current_xact_id(),
      head = greatest(s.head, (select max(c.seq) from sync.change c where c.scope = s.id)) + p_count
  where s.tenant_id = p_tenant and s.kind = p_kind and s.member_id is null and s.last_xid is distinct from pg_current_xact_id()
  returning s.id, s.head - p_count into scope, base;
  if not found then
    -- The transaction has had a block. Further ones follow its last row in the log, and sync.settle() writes the head down as it commits:
    -- a hot row with fifty versions a transaction makes every look at it long, for all who wait as well.
    select s.id into scope from sync.scope s where s.tenant_id = p_tenant and s.kind = p_kind and s.member_id is null;
    if not found then
      raise exception 'Workspace % has no scope "%" to log its records in.', p_tenant, p_kind;
    end if;
    select max(c.seq) into base from sync.change c where c.scope = next_block.scope;
  end if;
  -- For apply_mutations, which answers with it; a rolled-back savepoint takes it back like the number itself.
  perform set_config('sync.head_' || p_kind, (base + p_count)::text, true);
  -- A former member too: leaving is the last thing one does.
  select m.id into actor
  from public.tenant_members m
  where m.tenant_id = p_tenant and m.auth_user = auth.uid()
  order by m.removed_at desc nulls first limit 1;
end
$$;
comment on function sync.next_block(text, uuid, bigint) is
  'Takes a block of numbers of a workspace''s scope; base is the number before the first. Only log functions call it.';

insert into sync.logged_table (tbl, scope_kind, position) values
  ('tenants', 'tenant', 10),
  ('tenant_members', 'tenant', 20),
  ('clients', 'tenant', 30),
  ('projects', 'tenant', 40),
  ('project_budgets', 'finance', 50),
  ('tasks', 'tenant', 60);
select sync.log_table(('public.' || l.tbl)::regclass) from sync.logged_table l order by l.position;

revoke all on all functions in schema sync from public, anon, authenticated, service_role;
grant execute on function sync.my_tenants(), sync.my_tenants_as(text[]), sync.my_finance_tenants(), sync.my_member(uuid),
  sync.server_ms() to authenticated;
update sync.installation set schema_version = 3;
