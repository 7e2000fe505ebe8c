-- Reading: what the caller's workspaces are, what changed after a cursor, whole tables for a first start, and the feed that hints at
-- changes as they commit.
-- Definer functions that read the log themselves, so that nobody needs a right on it; each answers only scopes of sync.my_scopes().

create function sync.my_scopes() returns setof sync.scope
language plpgsql stable security definer set search_path = '' rows 20 as $$
begin
  return query
    select s.id, s.tenant_id, s.kind, s.member_id,
      -- Within the transaction that writes, the log is ahead of the head.
      case when s.last_xid = pg_current_xact_id_if_assigned() then (select max(c.seq) from sync.change c where c.scope = s.id) else s.head end,
      s.min_seq, s.epoch, s.feed_key, s.last_xid, s.from_seq
    from sync.scope s
    where s.kind = 'tenant' and s.tenant_id in (select sync.my_tenants())
      or s.kind = 'finance' and s.tenant_id in (select sync.my_finance_tenants())
      or s.kind = 'user' and s.member_id = sync.my_member(s.tenant_id);
end
$$;
comment on function sync.my_scopes() is 'The scopes whose rows the caller may read now.';

create function sync.need_user() returns uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  if auth.uid() is null then
    raise exception 'You are not signed in. Sign in and try again.' using errcode = 'CK001';
  end if;
  return auth.uid();
end
$$;
comment on function sync.need_user() is 'The caller''s account, or error CK001.';

-- In plpgsql for its speed: it is called for every row of a page.
create function sync.change_json(c sync.change) returns json
language plpgsql stable security definer set search_path = '' as $$
begin
  return json_build_object(
    'seq', c.seq, 'mark', c.mark, 'tbl', c.tbl, 'id', c.record_id, 'op', c.op, 'version', c.version,
    'columns', c.changed_columns, 'row', c."row", 'actor', c.actor, 'mutation', c.mutation_id, 'xid', c.xid::text,
    'at', to_char(c.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  );
end
$$;
comment on function sync.change_json(sync.change) is 'One change as pull and feed send it.';

create function public.my_workspaces() returns json
language sql stable security definer set search_path = '' as $$
  select coalesce(json_agg(json_build_object(
    'tenant', t.id, 'name', t.name, 'member', m.id, 'role', m.role, 'finance_right', m.finance_right,
    'scopes', (
      select json_agg(json_build_object('scope', s.id, 'kind', s.kind, 'epoch', s.epoch, 'head', s.head, 'feed_key', s.feed_key)
        order by s.kind desc)
      from sync.my_scopes() s where s.tenant_id = t.id
    )
  ) order by t.name, t.id), '[]')
  from public.tenant_members m join public.tenants t on t.id = m.tenant_id
  where m.auth_user = sync.need_user() and m.removed_at is null and t.deleted_at is null
$$;
comment on function public.my_workspaces() is 'The caller''s workspaces with role, rights and the scopes they may read.';

-- STABLE, so that heads and rows come from one snapshot: a volatile one takes a new snapshot a statement and tears.
create function public.sync_pull(p_cursors json, p_limit int default 1000) returns json
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
    v_scopes := v_scopes || json_build_object(
      'scope', v_scope.id, 'tenant', v_scope.tenant_id, 'kind', v_scope.kind, 'epoch', v_scope.epoch, 'head', v_scope.head,
      'min_seq', v_scope.min_seq, 'feed_key', v_scope.feed_key, 'state', 'new', 'changes', '[]'::json,
      'tx_complete', true, 'more', false
    );
  end loop;

  return json_build_object('server_ms', sync.server_ms(), 'scopes', array_to_json(v_scopes), 'locks', '[]'::json);
end
$$;
comment on function public.sync_pull(json, int) is
  'What changed after each cursor: at most p_limit (1 to 1,000) changes or about 1 MB over all scopes together. See docs/sync-protocol.md.';

create function public.sync_page(p_scope uuid, p_tbl text, p_after uuid default null, p_limit int default 1000) returns json
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
      where r.tenant_id = $1 and ($2 is null or r.id > $2)
      order by r.id limit $3 + 1
    ), sized as (
      select p.*, sum(octet_length(p.image::text)) over (order by p.n) as total from page p
    ), kept as (
      select s.* from sized s where s.n <= $3 and (s.n = 1 or s.total <= 1000000)
    )
    select coalesce((select json_agg(k.image order by k.n) from kept k), '[]'),
      case when (select count(*) from kept) < (select count(*) from page) then (select k.id from kept k order by k.n desc limit 1) end
  $q$, v_table.image, v_table.tbl)
  into v_rows, v_next using v_scope.tenant_id, p_after, v_limit;

  return json_build_object(
    'server_ms', sync.server_ms(), 'scope', v_scope.id, 'epoch', v_scope.epoch, 'head', v_scope.head,
    'head_mark', (select c.mark from sync.change c where c.scope = v_scope.id and c.seq = v_scope.head),
    'rows', v_rows, 'next', v_next
  );
end
$$;
comment on function public.sync_page(uuid, text, uuid, int) is
  'Rows of one table of one scope after an id, at most p_limit (1 to 1,000), with the head of the same snapshot. For bootstrap.';

-- ---------------------------------------------------------------------------------------------------------------------------------
-- The feed: one hint per transaction and scope, sent as it commits. It must never fail a commit and never make one wait for it.

create function sync.send(p_payload jsonb, p_event text, p_topic text) returns void
language plpgsql security definer set search_path = '' as $$
begin
  if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null then
    execute 'select realtime.send($1, $2, $3, true)' using p_payload, p_event, p_topic;
  end if;
exception when others then
  raise warning 'No hint was sent to %: %', p_topic, sqlerrm;
end
$$;
comment on function sync.send(jsonb, text, text) is
  'Sends a private broadcast if the server has Realtime; an error becomes a warning. A definer function, because realtime.send runs as its caller.';

create function sync.feed(p_scope uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_scope sync.scope;
  v_payload jsonb;
  v_changes jsonb;
begin
  select s.* into v_scope from sync.scope s where s.id = p_scope;
  v_payload := jsonb_build_object(
    'scope', v_scope.id, 'epoch', v_scope.epoch, 'from', v_scope.from_seq, 'to', v_scope.head, 'server_ms', sync.server_ms(),
    'mark', (select c.mark from sync.change c where c.scope = v_scope.id and c.seq = v_scope.head));
  -- Rows go along while they are few and fit in 64 KB; otherwise the message is a bare poke and the client pulls.
  if v_scope.head - v_scope.from_seq < 200 then
    select jsonb_agg(sync.change_json(c)::jsonb order by c.seq) into v_changes
    from sync.change c where c.scope = v_scope.id and c.seq between v_scope.from_seq and v_scope.head
    having sum(octet_length(c."row"::text)) is null or sum(octet_length(c."row"::text)) < 65536;
    if octet_length(v_changes::text) <= 65536 then
      v_payload := v_payload || jsonb_build_object('changes', v_changes);
    end if;
  end if;
  perform sync.send(v_payload, 'changes', format('fractal:%s:%s:changes', v_scope.id, v_scope.feed_key));
exception when others then
  raise warning 'No hint was sent for scope %: %', p_scope, sqlerrm;
end
$$;
comment on function sync.feed(uuid) is 'Hints at what the transaction that commits now has added to a scope.';

-- Queued by a transaction's first block of numbers (last_xid changes once in each), run as it commits: writes down the head that all its
-- blocks led to, and tells of them once.
create function sync.settle() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_head constant bigint := (select max(c.seq) from sync.change c where c.scope = new.id);
begin
  update sync.scope s set head = v_head where s.id = new.id and s.head < v_head;
  perform sync.feed(new.id);
  return null;
end
$$;
create constraint trigger settle after update on sync.scope deferrable initially deferred
  for each row when (new.last_xid is distinct from old.last_xid) execute function sync.settle();

create function sync.rotate_feed_keys(p_tenant uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare
  v_scope record;
begin
  for v_scope in select s.id, s.feed_key from sync.scope s where s.tenant_id = p_tenant order by s.id for no key update loop
    update sync.scope s set feed_key = replace(gen_random_uuid()::text, '-', '') where s.id = v_scope.id;
    perform sync.send(
      jsonb_build_object('scope', v_scope.id), 'moved', format('fractal:%s:%s:changes', v_scope.id, v_scope.feed_key));
  end loop;
end
$$;
comment on function sync.rotate_feed_keys(uuid) is
  'Gives the workspace''s topics new names and says so on the old ones: Realtime asks policies only at a join, so that one who lost '
  'access would otherwise listen on until their token expires.';

revoke all on function public.my_workspaces(), public.sync_pull(json, int), public.sync_page(uuid, text, uuid, int)
  from public, anon, authenticated, service_role;
grant execute on function public.my_workspaces(), public.sync_pull(json, int), public.sync_page(uuid, text, uuid, int)
  to authenticated;
revoke all on function sync.my_scopes(), sync.need_user(), sync.change_json(sync.change), sync.send(jsonb, text, text), sync.feed(uuid), sync.settle(),
  sync.rotate_feed_keys(uuid)
  from public, anon, authenticated, service_role;
grant execute on function sync.my_scopes(), sync.need_user() to authenticated;
update sync.installation set schema_version = 4;
