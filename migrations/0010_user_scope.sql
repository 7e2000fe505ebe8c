-- What belongs to one person: a `user` scope per member with its own log and topic, for saved views, preferences and the inbox. Nobody
-- else reads it, whatever their role.
--
-- Order of locks, replacing that of 0003: device ledger, then heads by kind (finance, tenant, user) and id, then lock rows, records. One
-- exception: who holds a workspace's tenant head may take its user heads late, in any order. It cannot deadlock. A wait for a user
-- head ends at its holder, who is one of three: a batch that holds no tenant head, which has taken all it will ever take; whoever holds
-- this tenant head, which is the one who waits; or a statement past the ledger, which takes its user heads after all tenant heads and
-- so is waiting for this tenant head before it has any. Hence sync.notify() never waits for the tenant head: it must have it.

alter table sync.logged_table drop constraint logged_table_scope_kind_check,
  add constraint logged_table_scope_kind_check check (scope_kind in ('tenant', 'finance', 'user'));

create or replace function sync.take_heads(p_tenants uuid[], p_kinds text[] default null) returns void
language plpgsql security definer set search_path = '' as $$
begin
  perform from sync.scope s
  where s.tenant_id = any (p_tenants) and s.kind in ('finance', 'tenant') and (p_kinds is null or s.kind = any (p_kinds))
  order by s.kind, s.id for no key update;
  if 'user' = any (p_kinds) then
    perform from sync.scope s
    where s.tenant_id = any (p_tenants) and s.kind = 'user'
      and s.member_id in (
        select m.id from public.tenant_members m
        where m.tenant_id = any (p_tenants) and m.auth_user = auth.uid() and m.removed_at is null)
    order by s.id for no key update;
  end if;
  -- Rolled back with a savepoint, exactly as the locks are.
  perform set_config('sync.heads', pg_current_xact_id()::text, true);
end
$$;
comment on function sync.take_heads(uuid[], text[]) is
  'Takes the heads of the workspaces in the one sanctioned order, before any record is touched. Every definer function that writes calls it '
  'first. No kinds: finance and tenant. Kind user: only the caller''s own; those of others are taken late, under the tenant head.';

create or replace function sync.take_all_heads() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if current_setting('sync.heads', true) is distinct from pg_current_xact_id()::text then
    -- A bare statement of an administrator or of a referential action: whose rows it will touch is not known yet, so all heads.
    perform from sync.scope s order by s.kind, s.id for no key update;
    perform set_config('sync.heads', pg_current_xact_id()::text, true);
  end if;
  return null;
end
$$;

-- ---------------------------------------------------------------------------------------------------------------------------------

create function sync.create_user_scope() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into sync.scope (tenant_id, kind, member_id) values (new.tenant_id, 'user', new.id);
  return null;
end
$$;
create trigger create_user_scope after insert on public.tenant_members for each row execute function sync.create_user_scope();
insert into sync.scope (tenant_id, kind, member_id) select m.tenant_id, 'user', m.id from public.tenant_members m;

create function sync.my_members() returns setof uuid
language plpgsql stable security definer set search_path = '' rows 10 as $$
begin
  return query
    select m.id
    from public.tenant_members m join public.tenants t on t.id = m.tenant_id
    where m.auth_user = auth.uid() and m.removed_at is null and t.deleted_at is null;
end
$$;
comment on function sync.my_members() is 'The caller''s member ids, one in each of their workspaces.';

-- In three parts, each led by the caller's memberships: one condition with "or" would look at every member of the installation.
create or replace function sync.my_scopes() returns setof sync.scope
language plpgsql stable security definer set search_path = '' rows 20 as $$
begin
  return query
    select s.id, s.tenant_id, s.kind, s.member_id,
      -- Within the transaction that writes, the log is ahead of the head.
      case when s.last_xid = pg_current_xact_id_if_assigned() then (select max(c.seq) from sync.change c where c.scope = s.id) else s.head end,
      s.min_seq, s.epoch, s.feed_key, s.last_xid, s.from_seq
    from (
      select k.* from sync.scope k where k.kind = 'tenant' and k.member_id is null and k.tenant_id in (select sync.my_tenants())
      union all
      select k.* from sync.scope k where k.kind = 'finance' and k.member_id is null and k.tenant_id in (select sync.my_finance_tenants())
      union all
      select k.* from sync.scope k
      where k.kind = 'user' and k.tenant_id in (select sync.my_tenants()) and k.member_id in (select sync.my_members())
    ) s;
end
$$;

-- The workspace's own scope first, then finance, then the caller's.
create or replace function public.my_workspaces() returns json
language sql stable security definer set search_path = '' as $$
  select coalesce(json_agg(json_build_object(
    'tenant', t.id, 'name', t.name, 'member', m.id, 'role', m.role, 'finance_right', m.finance_right,
    'scopes', (
      select json_agg(json_build_object('scope', s.id, 'kind', s.kind, 'epoch', s.epoch, 'head', s.head, 'feed_key', s.feed_key)
        order by array_position('{tenant,finance,user}'::text[], s.kind))
      from sync.my_scopes() s where s.tenant_id = t.id
    )
  ) order by t.name, t.id), '[]')
  from public.tenant_members m join public.tenants t on t.id = m.tenant_id
  where m.auth_user = sync.need_user() and m.removed_at is null and t.deleted_at is null
$$;

-- A former member's own topic moves with their leaving; those of others stay, since nobody else could ever join them.
create or replace function sync.rotate_feed_keys(p_tenant uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_scope record;
begin
  for v_scope in
    select s.id, s.feed_key from sync.scope s
    where s.tenant_id = p_tenant
      and (s.kind <> 'user' or s.member_id in (
        select m.id from public.tenant_members m where m.tenant_id = p_tenant and m.removed_at = now()))
    order by s.kind, s.id for no key update
  loop
    update sync.scope s set feed_key = replace(gen_random_uuid()::text, '-', '') where s.id = v_scope.id;
    perform sync.send(
      jsonb_build_object('scope', v_scope.id), 'moved', format('fractal:%s:%s:changes', v_scope.id, v_scope.feed_key));
  end loop;
end
$$;
comment on function sync.rotate_feed_keys(uuid) is
  'Gives the workspace''s topics, and those of members removed in this transaction, new names and says so on the old ones: Realtime asks '
  'policies only at a join, so that one who lost access would otherwise listen on until their token expires. The heads are held.';

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Logging into the scope of the row's member.

create function sync.keep_member() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  raise exception 'A personal record never moves to another person.' using errcode = 'CK012';
end
$$;

-- Log functions find it by name when they run; a second one beside it would make their calls ambiguous.
drop function sync.next_block(text, uuid, bigint);
create function sync.next_block(
  p_kind text, p_tenant uuid, p_count bigint, p_member uuid default null, out scope uuid, out base bigint, out actor uuid
) language plpgsql security definer set search_path = '' set enable_nestloop = on as $$
begin
  if p_kind = 'user' then
    select s.id into scope from sync.scope s where s.tenant_id = p_tenant and s.kind = 'user' and s.member_id = p_member;
  else
    select s.id into scope from sync.scope s where s.tenant_id = p_tenant and s.kind = p_kind and s.member_id is null;
  end if;
  if not found then
    raise exception 'Workspace % has no scope "%" to log its records in.', p_tenant, p_kind;
  end if;
  update sync.scope s
  -- The log has the last word: an administrator's "set constraints all immediate" would let sync.settle() speak before the last block.
  set from_seq = greatest(s.head, (select max(c.seq) from sync.change c where c.scope = s.id)) + 1, last_xid = pg_current_xact_id(),
      head = greatest(s.head, (select max(c.seq) from sync.change c where c.scope = s.id)) + p_count
  where s.id = next_block.scope and s.last_xid is distinct from pg_current_xact_id()
  returning s.head - p_count into base;
  if not found then
    -- The transaction has had a block. Further ones follow its last row in the log, and sync.settle() writes the head down as it commits:
    -- a hot row with fifty versions a transaction makes every look at it long, for all who wait as well.
    select max(c.seq) into base from sync.change c where c.scope = next_block.scope;
  end if;
  -- A former member too: leaving is the last thing one does.
  select m.id into actor
  from public.tenant_members m
  where m.tenant_id = p_tenant and m.auth_user = auth.uid()
  order by m.removed_at desc nulls first limit 1;
  -- For apply_mutations, which answers with it; a rolled-back savepoint takes it back like the number itself. The number of somebody
  -- else's scope is nobody's business.
  if p_kind <> 'user' or p_member = actor then
    perform set_config('sync.head_' || p_kind, (base + p_count)::text, true);
  end if;
end
$$;
comment on function sync.next_block(text, uuid, bigint, uuid) is
  'Takes a block of numbers of a workspace''s scope, or of a member''s; base is the number before the first. Only log functions call it.';

create or replace function sync.log_table(p_table regclass) returns void
language plpgsql set search_path = '' as $$
declare
  v_tbl text := (select c.relname from pg_class c where c.oid = p_table);
  v_kind text := (select l.scope_kind from sync.logged_table l where l.tbl = v_tbl);
  v_image text := sync.image_of(p_table);
  v_changed text;
  -- What a scope is for: a workspace, or one member of it.
  v_key text := case when v_kind = 'user' then 'r.tenant_id, r.member_id' else 'r.tenant_id' end;
  v_block text := case when v_kind = 'user' then 'v_part.tenant_id, v_part.n, v_part.member_id' else 'v_part.tenant_id, v_part.n' end;
  v_of_part text := 'r.tenant_id = v_part.tenant_id' || case when v_kind = 'user' then ' and r.member_id = v_part.member_id' else '' end;
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
      -- One scope a turn, nearly always the only one.
      if tg_op = 'INSERT' then
        for v_part in select %5$s, count(*) as n from new_rows r group by %5$s loop
          v_head := sync.next_block(%2$L, %6$s);
          insert into sync.change (scope, seq, tbl, record_id, op, version, changed_columns, "row", actor, mutation_id)
          select v_head.scope, v_head.base + row_number() over (order by r.id),
            %1$L, r.id, 'insert', r.version, null, %3$s, v_head.actor, v_mutation
          from new_rows r where %7$s;
        end loop;
      elsif tg_op = 'UPDATE' then
        for v_part in select %5$s, count(*) as n from new_rows r group by %5$s loop
          v_head := sync.next_block(%2$L, %6$s);
          insert into sync.change (scope, seq, tbl, record_id, op, version, changed_columns, "row", actor, mutation_id)
          select v_head.scope, v_head.base + row_number() over (order by r.id),
            %1$L, r.id, 'update', r.version, array_remove(array[%4$s]::text[], null), %3$s, v_head.actor, v_mutation
          from new_rows r join old_rows o on o.id = r.id where %7$s;
        end loop;
      else
        insert into sync.tombstone (tbl, record_id, tenant_id, version)
        select %1$L, o.id, o.tenant_id, o.version + 1 from old_rows o
        on conflict (tbl, record_id) do update set version = excluded.version, tenant_id = excluded.tenant_id;
        for v_part in select %5$s, count(*) as n from old_rows r group by %5$s loop
          v_head := sync.next_block(%2$L, %6$s);
          insert into sync.change (scope, seq, tbl, record_id, op, version, changed_columns, "row", actor, mutation_id)
          select v_head.scope, v_head.base + row_number() over (order by r.id),
            %1$L, r.id, 'delete', r.version + 1, null, null, v_head.actor, v_mutation
          from old_rows r where %7$s;
        end loop;
      end if;
      return null;
    end
    $log$
  $outer$, v_tbl, v_kind, v_image, v_changed, v_key, v_block, v_of_part);
  execute format('revoke all on function sync.log_%s() from public, anon, authenticated, service_role', v_tbl);

  execute format('create or replace trigger sync_1_guard before insert or update or delete on %s
    for each statement execute function sync.refuse_direct_write()', p_table);
  execute format('create or replace trigger sync_2_heads before insert or update or delete on %s
    for each statement execute function sync.take_all_heads()', p_table);
  execute format('create or replace trigger sync_3_stamp before insert or update on %s
    for each row execute function sync.stamp()', p_table);
  execute format('create or replace trigger sync_4_tenant after update on %s
    for each row when (new.tenant_id is distinct from old.tenant_id) execute function sync.keep_tenant()', p_table);
  if v_kind = 'user' then
    execute format('create or replace trigger sync_4_member after update on %s
      for each row when (new.member_id is distinct from old.member_id) execute function sync.keep_member()', p_table);
  end if;
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
  'Hangs the log on a table that has its row in sync.logged_table. For migrations; call it again after a column was added. A table of kind '
  'user has a column member_id, in whose scope its rows are logged.';

create or replace function public.sync_page(p_scope uuid, p_tbl text, p_after uuid default null, p_limit int default 1000) returns json
language plpgsql stable security definer set search_path = '' as $$
declare
  v_user constant uuid not null := sync.need_user();
  v_limit int := greatest(1, least(coalesce(p_limit, 1000), 1000));
  v_scope sync.scope;
  v_table sync.logged_table;
  v_rows json;
  v_next uuid;
begin
  select s.* into v_scope from sync.my_scopes() s where s.id = p_scope;
  if not found then
    raise exception 'You cannot read this part of the workspace (any more).' using errcode = 'CK002';
  end if;
  select l.* into v_table from sync.logged_table l where l.tbl = p_tbl and l.scope_kind = v_scope.kind;
  if not found then
    raise exception 'The scope has no table "%".', p_tbl using errcode = 'CK006';
  end if;

  -- One row more than asked for tells whether there is a next page; a page also ends at about a megabyte.
  execute format($q$
    with page as (
      select r.id, %1$s as image, row_number() over (order by r.id) as n
      from public.%2$I r
      where r.tenant_id = $1 and ($2 is null or r.id > $2) %3$s
      order by r.id limit $3 + 1
    ), sized as (
      select p.*, sum(octet_length(p.image::text)) over (order by p.n) as total from page p
    ), kept as (
      select s.* from sized s where s.n <= $3 and (s.n = 1 or s.total <= 1000000)
    )
    select coalesce((select json_agg(k.image order by k.n) from kept k), '[]'),
      case when (select count(*) from kept) < (select count(*) from page) then (select k.id from kept k order by k.n desc limit 1) end
  $q$, v_table.image, v_table.tbl, case when v_scope.kind = 'user' then 'and r.member_id = $4' else '' end)
  into v_rows, v_next using v_scope.tenant_id, p_after, v_limit, v_scope.member_id;

  return json_build_object(
    'server_ms', sync.server_ms(), 'scope', v_scope.id, 'epoch', v_scope.epoch, 'head', v_scope.head,
    'head_mark', (select c.mark from sync.change c where c.scope = v_scope.id and c.seq = v_scope.head),
    'rows', v_rows, 'next', v_next
  );
end
$$;

-- ---------------------------------------------------------------------------------------------------------------------------------

create table public.saved_views (
  id         uuid primary key,
  tenant_id  uuid not null references public.tenants (id),
  member_id  uuid not null,
  name       text not null check (length(btrim(name)) between 1 and 200),
  module     text not null check (length(btrim(module)) between 1 and 40),
  -- The app allows 20,000 bytes as it writes them; jsonb's own text has a space more after each comma and colon.
  spec       jsonb not null default '{}' check (octet_length(spec::text) <= 40000),
  rank       text collate "C" not null check (rank ~ '^[0-9A-Za-z]{1,200}$'),
  version    bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, member_id) references public.tenant_members (tenant_id, id)
);
comment on table public.saved_views is 'A person''s named views. spec is the app''s; rank orders by bytes. User scope.';
create index saved_views_member_idx on public.saved_views (tenant_id, member_id, id);

create table public.preferences (
  id         uuid primary key,
  tenant_id  uuid not null references public.tenants (id),
  member_id  uuid not null,
  key        text not null check (length(btrim(key)) between 1 and 64),
  value      jsonb not null default '{}' check (octet_length(value::text) <= 8192),
  version    bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  deleted_at timestamptz,
  unique (tenant_id, id),
  unique (tenant_id, member_id, key),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, member_id) references public.tenant_members (tenant_id, id)
);
comment on table public.preferences is
  'A person''s settings that follow them to every device. Devices that make one offline take the same id: UUIDv5 of member and key. User scope.';
create index preferences_member_idx on public.preferences (tenant_id, member_id, id);

create table public.inbox_items (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references public.tenants (id),
  member_id   uuid not null,
  -- A form and no list: the app shows a kind that it does not know by its excerpt.
  kind        text not null check (kind ~ '^[a-z_]{1,40}$'),
  actor       uuid,
  -- No foreign keys: an item tells of what happened and outlives it, and a cascade would write into the scopes of many from a statement
  -- that holds the record but not their heads.
  task_id     uuid,
  project_id  uuid,
  comment_id  uuid,
  excerpt     text not null default '' check (length(excerpt) <= 300),
  at          timestamptz not null default clock_timestamp(),
  read_at     timestamptz,
  archived_at timestamptz,
  version     bigint not null default 1,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  created_by  uuid,
  deleted_at  timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, actor) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, member_id) references public.tenant_members (tenant_id, id)
);
comment on table public.inbox_items is
  'What asks for a person''s attention: kind mention, assignment, review, comment, invitation and others to come; actor: who caused it. Made by '
  'sync.notify() only; the person marks them read or archived, or deletes them. User scope.';
create index inbox_items_member_idx on public.inbox_items (tenant_id, member_id, id);

revoke all on public.saved_views, public.preferences, public.inbox_items from public, anon, authenticated, service_role;
-- service_role is not named: no server process has business with them.
grant select on public.saved_views, public.preferences, public.inbox_items to authenticated;

-- Whose a new record is, is not for the client to say.
create function sync.own_member() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- An administrator's statement, which has no caller, names the member.
  new.member_id := coalesce(sync.my_member(new.tenant_id), new.member_id);
  return new;
end
$$;
create trigger own_member before insert on public.saved_views for each row execute function sync.own_member();
create trigger own_member before insert on public.preferences for each row execute function sync.own_member();

alter table public.saved_views enable row level security;
alter table public.preferences enable row level security;
alter table public.inbox_items enable row level security;

create policy saved_views_select on public.saved_views for select to authenticated using (member_id in (select sync.my_members()));
create policy saved_views_insert on public.saved_views for insert to authenticated
  with check (member_id in (select sync.my_members()) and created_by = (select sync.my_member(tenant_id)));
create policy saved_views_update on public.saved_views for update to authenticated
  using (member_id in (select sync.my_members())) with check (member_id in (select sync.my_members()));

create policy preferences_select on public.preferences for select to authenticated using (member_id in (select sync.my_members()));
create policy preferences_insert on public.preferences for insert to authenticated
  with check (member_id in (select sync.my_members()) and created_by = (select sync.my_member(tenant_id)));
create policy preferences_update on public.preferences for update to authenticated
  using (member_id in (select sync.my_members())) with check (member_id in (select sync.my_members()));

-- There is no policy to insert: nobody writes into an inbox, not even into their own.
create policy inbox_items_select on public.inbox_items for select to authenticated using (member_id in (select sync.my_members()));
create policy inbox_items_update on public.inbox_items for update to authenticated
  using (member_id in (select sync.my_members())) with check (member_id in (select sync.my_members()));

insert into sync.logged_table (tbl, scope_kind, position) values
  ('saved_views', 'user', 160),
  ('preferences', 'user', 170),
  ('inbox_items', 'user', 180);
select sync.log_table('public.saved_views'), sync.log_table('public.preferences'), sync.log_table('public.inbox_items');
insert into sync.field (tbl, col, policy) values
  ('saved_views', 'name', 'latest'), ('saved_views', 'module', 'latest'), ('saved_views', 'spec', 'latest'),
  ('saved_views', 'rank', 'latest'),
  ('preferences', 'key', 'latest'), ('preferences', 'value', 'latest'),
  ('inbox_items', 'read_at', 'latest'), ('inbox_items', 'archived_at', 'latest');
select sync.make_writable('public.saved_views'), sync.make_writable('public.preferences'), sync.make_writable('public.inbox_items');

-- ---------------------------------------------------------------------------------------------------------------------------------

create function sync.notify(
  p_tenant uuid, p_member uuid, p_kind text, p_actor uuid, p_task uuid, p_project uuid, p_comment uuid, p_excerpt text
) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_mutation text := coalesce(current_setting('sync.mutation', true), '');
begin
  if p_member is not distinct from p_actor or not exists (
    select from public.tenant_members m where m.tenant_id = p_tenant and m.id = p_member and m.removed_at is null
  ) then
    return;
  end if;
  -- Held already, or the caller has broken the order of locks; without a wait, that is an error and never a deadlock.
  perform from sync.scope s where s.tenant_id = p_tenant and s.kind = 'tenant' and s.member_id is null for no key update nowait;
  perform from sync.scope s where s.tenant_id = p_tenant and s.kind = 'user' and s.member_id = p_member for no key update;
  -- The recipient's log does not name the sender's mutation.
  perform set_config('sync.mutation', '', true);
  insert into public.inbox_items (tenant_id, member_id, kind, actor, task_id, project_id, comment_id, excerpt, created_by)
  values (p_tenant, p_member, p_kind, p_actor, p_task, p_project, p_comment, left(coalesce(p_excerpt, ''), 300), p_actor);
  perform set_config('sync.mutation', v_mutation, true);
end
$$;
comment on function sync.notify(uuid, uuid, text, uuid, uuid, uuid, uuid, text) is
  'Puts an item into a member''s inbox. Nobody is told of their own acts, a former member of nothing. Only from definer functions and triggers '
  'that hold the workspace''s tenant head; the excerpt must be text that the member may read, and is cut to 300 characters.';

create function sync.notify_assignee() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_actor constant uuid := sync.my_member(new.tenant_id);
begin
  -- An administrator's import or repair has no caller and tells nobody.
  if v_actor is not null and new.deleted_at is null then
    perform sync.notify(new.tenant_id, new.assignee, 'assignment', v_actor, new.id, new.project_id, null, new.name);
  end if;
  return null;
end
$$;
create trigger notify_assignee_on_insert after insert on public.tasks
  for each row when (new.assignee is not null) execute function sync.notify_assignee();
create trigger notify_assignee_on_update after update of assignee on public.tasks
  for each row when (new.assignee is not null and new.assignee is distinct from old.assignee) execute function sync.notify_assignee();

revoke all on function sync.create_user_scope(), sync.my_members(), sync.keep_member(), sync.next_block(text, uuid, bigint, uuid),
  sync.own_member(), sync.notify(uuid, uuid, text, uuid, uuid, uuid, uuid, text), sync.notify_assignee()
  from public, anon, authenticated, service_role;
grant execute on function sync.my_members() to authenticated;
update sync.installation set schema_version = 10;
