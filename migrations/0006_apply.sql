-- Merging and applying one mutation, and the call that applies a batch.

-- What becomes of each column of an update, as {"write": {…}, "conflict": {…}, "text": {…}}. Pure: it knows only JSON values, all of them
-- already in the table's own format, so that equal values compare equal.
create function sync.merge(p_tbl text, p_current jsonb, p_base jsonb, p_mine jsonb, p_columns text[], p_is_current boolean)
returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  v_write jsonb := '{}';
  v_conflict jsonb := '{}';
  v_text jsonb := '{}';
  v_field record;
  v_theirs jsonb;
  v_mine jsonb;
  v_base jsonb;
begin
  for v_field in select f.col, f.policy from sync.field f where f.tbl = p_tbl and f.col = any (p_columns) loop
    v_theirs := p_current -> v_field.col;
    v_mine := p_mine -> v_field.col;
    v_base := p_base -> v_field.col;
    if v_theirs = v_mine then
      continue;
    elsif p_is_current or v_theirs is not distinct from v_base or v_field.policy = 'latest' then
      v_write := v_write || jsonb_build_object(v_field.col, v_mine);
    elsif v_field.policy = 'set' then
      -- Theirs without what I removed, then what I added.
      v_write := v_write || jsonb_build_object(v_field.col, (
        select coalesce(jsonb_agg(u.item order by u.place, u.n), '[]')
        from (
          select t.item, 0 as place, t.n
          from jsonb_array_elements(v_theirs) with ordinality as t (item, n)
          where not (coalesce(v_base, '[]') @> jsonb_build_array(t.item) and not v_mine @> jsonb_build_array(t.item))
          union all
          select m.item, 1, m.n
          from jsonb_array_elements(v_mine) with ordinality as m (item, n)
          where not coalesce(v_base, '[]') @> jsonb_build_array(m.item) and not v_theirs @> jsonb_build_array(m.item)
        ) u
      ));
    elsif v_field.policy = 'text' then
      v_text := v_text || jsonb_build_object(v_field.col, jsonb_build_object('base', v_base, 'mine', v_mine, 'theirs', v_theirs));
    else
      v_conflict := v_conflict || jsonb_build_object(v_field.col, jsonb_build_object('base', v_base, 'mine', v_mine, 'theirs', v_theirs));
    end if;
  end loop;
  return jsonb_build_object('write', v_write, 'conflict', v_conflict, 'text', v_text);
end
$$;
comment on function sync.merge(text, jsonb, jsonb, jsonb, text[], boolean) is
  'Field by field: what to write, what two people changed in ways that need a person, and which long texts the client must merge.';

create function sync.rejected(p_code text, p_message text, p_fields jsonb default null, p_version bigint default null) returns jsonb
language sql immutable set search_path = '' as $$
  select jsonb_build_object('status', 'rejected', 'code', p_code, 'message', p_message, 'fields', p_fields, 'version', p_version)
$$;
comment on function sync.rejected(text, text, jsonb, bigint) is 'A final refusal of one mutation.';

create function sync.apply_one(
  p_tenant uuid, p_member uuid, p_device uuid, p_tbl text, p_record uuid, p_op text, p_base_version bigint, p_set jsonb, p_base jsonb
) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_columns text[];
  v_unknown text;
  v_current jsonb;
  v_mine jsonb;
  v_base jsonb;
  v_merge jsonb;
  v_others text[] := '{}';
  v_version bigint;
begin
  if not exists (select from sync.logged_table l where l.tbl = p_tbl) then
    return sync.rejected('unknown_table', format('The server does not know "%s". One of the two needs an update.', p_tbl));
  elsif not exists (select from sync.field f where f.tbl = p_tbl) then
    return sync.rejected('forbidden', format('Records of "%s" are not written this way.', p_tbl));
  elsif p_op is null or p_op not in ('insert', 'update', 'delete', 'restore') then
    return sync.rejected('invalid', format('"%s" is no operation.', p_op));
  elsif p_op in ('insert', 'update') and jsonb_typeof(p_set) is distinct from 'object' then
    return sync.rejected('invalid', 'The change holds no values.');
  end if;

  if p_op in ('insert', 'update') then
    select coalesce(array_agg(k order by k), '{}') into v_columns from jsonb_object_keys(p_set) k;
    select k into v_unknown from unnest(v_columns) k
    where not exists (select from sync.field f where f.tbl = p_tbl and f.col = k) limit 1;
    if v_unknown is not null then
      return sync.rejected('unknown_column', format('"%s" of "%s" cannot be written.', v_unknown, p_tbl));
    end if;
  end if;

  if p_op = 'insert' then
    execute format('select sync.%I($1, $2, $3, $4)', 'insert_' || p_tbl) into v_version using p_tenant, p_record, p_member, p_set;
    return jsonb_build_object('status', 'applied', 'version', v_version);
  end if;

  -- Whoever holds the head is the only writer of the scope, so the row needs no lock of its own.
  execute format('select sync.%I($1, $2)', 'read_' || p_tbl) into v_current using p_tenant, p_record;
  if v_current is null then
    if sync.was_purged(p_tenant, p_tbl, p_record) then
      return sync.rejected('deleted', 'The record was deleted for good.');
    end if;
    return sync.rejected('not_found', 'The record does not exist, or you cannot see it.');
  end if;
  v_version := (v_current ->> 'version')::bigint;
  if p_base_version is distinct from v_version then
    v_others := sync.columns_of_others(p_tbl, p_record, coalesce(p_base_version, 0), p_device);
  end if;

  if p_op = 'delete' then
    if v_current ->> 'deleted_at' is not null then
      return jsonb_build_object('status', 'applied', 'version', v_version);
    elsif p_base_version is not null and cardinality(v_others) > 0 then
      return sync.rejected('conflict', 'Someone changed the record since you last saw it. Delete it all the same?', (
        select jsonb_object_agg(k, jsonb_build_object('base', null, 'mine', null, 'theirs', v_current -> k)) from unnest(v_others) k
      ), v_version);
    end if;
    execute format('update public.%I set deleted_at = now() where id = $1 and tenant_id = $2 returning version', p_tbl)
    into v_version using p_record, p_tenant;
  elsif p_op = 'restore' then
    if v_current ->> 'deleted_at' is null then
      return jsonb_build_object('status', 'applied', 'version', v_version);
    end if;
    execute format('update public.%I set deleted_at = null where id = $1 and tenant_id = $2 returning version', p_tbl)
    into v_version using p_record, p_tenant;
  else
    if v_current ->> 'deleted_at' is not null then
      return sync.rejected('deleted', 'The record is in the trash. Restore it to change it.', null, v_version);
    end if;
    -- Through the table's own types and back, so that "12.5" and "12.50", or two spellings of a date, are equal.
    execute format('select sync.%1$I($1), sync.%1$I($2)', 'image_' || p_tbl) into v_mine, v_base using p_set, coalesce(p_base, '{}');
    v_merge := sync.merge(p_tbl, v_current, v_base, v_mine, v_columns, p_base_version = v_version);
    if v_merge -> 'conflict' <> '{}' then
      return sync.rejected('conflict', 'Someone changed the same fields. Choose which values to keep.',
        (v_merge -> 'conflict') || (v_merge -> 'text'), v_version);
    elsif v_merge -> 'text' <> '{}' then
      return sync.rejected('merge_text', 'Someone changed the same text.', v_merge -> 'text', v_version);
    end if;

    if v_merge -> 'write' = '{}' then
      -- Everything is as wanted already: nothing to write, and so nothing that rights would have to allow.
      return jsonb_build_object('status', 'applied', 'version', v_version, 'merged', cardinality(v_others) > 0);
    end if;
    execute format('select sync.%I($1, $2, $3)', 'update_' || p_tbl) into v_version using p_tenant, p_record, v_merge -> 'write';
  end if;

  if v_version is null then
    return sync.rejected('forbidden', 'Your role does not allow changing this record.');
  end if;
  return jsonb_build_object('status', 'applied', 'version', v_version, 'merged', cardinality(v_others) > 0);
end
$$;
comment on function sync.apply_one(uuid, uuid, uuid, text, uuid, text, bigint, jsonb, jsonb) is
  'Applies one mutation under the caller''s rights and answers its result; errors of the data are raised for the caller to turn into one.';

create function public.apply_mutations(p_tenant uuid, p_device uuid, p_batch json) returns json
language plpgsql set search_path = '' set lock_timeout = '2s' as $$
declare
  v_kinds text[];
  v_member uuid;
  v_last bigint;
  v_count int := 0;
  v_scopes jsonb;
  v_mutation record;
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
      id uuid, no bigint, tbl text, record uuid, op text, base_version bigint, "set" jsonb, base jsonb
    )) with ordinality as m (id, no, tbl, record, op, base_version, "set", base, n)
    left join sync.logged_table l on l.tbl = m.tbl
    order by m.n
  loop
    if v_mutation.no <= v_last then
      v_results := v_results || sync.stored_result(p_device, v_mutation.no, v_mutation.id);
      continue;
    end if;

    v_result := sync.earlier_result(p_tenant, v_mutation.id);
    if v_result is null then
      perform set_config('sync.mutation', v_mutation.id::text, true);
      -- Only what the data or the caller's rights forbid is final. Deadlocks, time-outs, cancellation, full disks and schema errors
      -- leave this function, undo the whole call, and are sent again.
      begin
        v_result := sync.apply_one(p_tenant, v_member, p_device, v_mutation.tbl, v_mutation.record, v_mutation.op,
          v_mutation.base_version, v_mutation."set", v_mutation.base);
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
  'Applies up to 50 mutations of one device in order, each at most once, and answers what became of each. See docs/sync-protocol.md.';

revoke all on function public.apply_mutations(uuid, uuid, json) from public, anon, authenticated, service_role;
grant execute on function public.apply_mutations(uuid, uuid, json) to authenticated;
revoke all on function sync.merge(text, jsonb, jsonb, jsonb, text[], boolean), sync.rejected(text, text, jsonb, bigint),
  sync.apply_one(uuid, uuid, uuid, text, uuid, text, bigint, jsonb, jsonb) from public, anon, authenticated, service_role;
grant execute on function sync.merge(text, jsonb, jsonb, jsonb, text[], boolean), sync.rejected(text, text, jsonb, bigint),
  sync.apply_one(uuid, uuid, uuid, text, uuid, text, bigint, jsonb, jsonb) to authenticated;
update sync.installation set schema_version = 6;
