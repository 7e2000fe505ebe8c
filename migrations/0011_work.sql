-- The rest of the work: dependencies and links of tasks, comments, recurrence, and time with its timers.
-- Writers of a workspace are serialised by its head, so that a trigger that looks for a duplicate or a cycle sees every other row.

alter table public.tasks
  add column recurrence text check (length(recurrence) <= 500),
  add column series     uuid;
comment on column public.tasks.series is
  'What the occurrences of a recurring task have in common. The id of the next one is made from it and the date, so that two devices that '
  'complete the same occurrence make the same record.';
create index tasks_series_idx on public.tasks (tenant_id, series) where series is not null;

create table public.task_dependencies (
  id         uuid primary key,
  tenant_id  uuid not null references public.tenants (id),
  task_id    uuid not null,
  depends_on uuid not null,
  kind       text not null default 'finish_to_start'
    check (kind in ('finish_to_start', 'start_to_start', 'finish_to_finish', 'start_to_finish')),
  lag_days   int not null default 0 check (lag_days between -3650 and 3650),
  version    bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  deleted_at timestamptz,
  constraint task_dependencies_not_itself check (task_id <> depends_on),
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, task_id) references public.tasks (tenant_id, id) on delete cascade,
  foreign key (tenant_id, depends_on) references public.tasks (tenant_id, id) on delete cascade
);
comment on table public.task_dependencies is 'task_id waits for depends_on; lag_days are days between the two, negative for an overlap.';
create unique index task_dependencies_pair_key on public.task_dependencies (tenant_id, task_id, depends_on) where deleted_at is null;
create index task_dependencies_on_idx on public.task_dependencies (tenant_id, depends_on);

create table public.task_links (
  id         uuid primary key,
  tenant_id  uuid not null references public.tenants (id),
  task_id    uuid not null,
  -- Nothing else: a link is opened by other people, and a browser runs what some other schemes hold.
  url        text not null check (length(url) <= 2000 and url ~* '^https?://[^[:space:]]+$'),
  title      text not null default '' check (length(title) <= 500),
  version    bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, task_id) references public.tasks (tenant_id, id) on delete cascade
);
comment on table public.task_links is 'A web address that belongs to a task.';
create index task_links_task_idx on public.task_links (tenant_id, task_id);

create table public.comments (
  id         uuid primary key,
  tenant_id  uuid not null references public.tenants (id),
  task_id    uuid,
  project_id uuid,
  body       text not null check (length(btrim(body)) >= 1 and length(body) <= 20000),
  mentions   uuid[] not null default '{}' check (cardinality(mentions) <= 100 and array_position(mentions, null) is null),
  version    bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  deleted_at timestamptz,
  constraint comments_of_one_record check (num_nonnulls(task_id, project_id) = 1),
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, task_id) references public.tasks (tenant_id, id) on delete cascade,
  foreign key (tenant_id, project_id) references public.projects (tenant_id, id) on delete cascade
);
comment on table public.comments is 'What someone said about a task or a project. Only its author (created_by) edits it.';
create index comments_task_idx on public.comments (tenant_id, task_id);
create index comments_project_idx on public.comments (tenant_id, project_id);

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Time. The instants in pauses carry an offset, which the pattern demands, so that reading them depends on no setting: immutable.

create function sync.pauses_fit(p_pauses jsonb, p_started timestamptz, p_ended timestamptz) returns boolean
language plpgsql immutable set search_path = '' as $$
declare
  v_instant constant text := '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$';
  v_edge timestamptz := p_started;
  v_pause jsonb;
  v_open boolean := false;
begin
  if jsonb_typeof(p_pauses) is distinct from 'array' or jsonb_array_length(p_pauses) > 1000 then
    return false;
  elsif p_pauses = '[]' then
    return true;
  elsif p_started is null then
    return false;
  end if;
  for v_pause in select e.pause from jsonb_array_elements(p_pauses) as e (pause) loop
    if v_open or jsonb_typeof(v_pause) <> 'object' or not v_pause ?& array['from', 'to'] or v_pause - 'from' - 'to' <> '{}'
      or jsonb_typeof(v_pause -> 'from') <> 'string' or v_pause ->> 'from' !~ v_instant
      or jsonb_typeof(v_pause -> 'to') not in ('string', 'null') or v_pause ->> 'to' !~ v_instant
      or (v_pause ->> 'from')::timestamptz < v_edge then
      return false;
    end if;
    v_edge := (v_pause ->> 'from')::timestamptz;
    v_open := v_pause ->> 'to' is null;
    if not v_open then
      if (v_pause ->> 'to')::timestamptz < v_edge then
        return false;
      end if;
      v_edge := (v_pause ->> 'to')::timestamptz;
    end if;
  end loop;
  return p_ended is null or not v_open and v_edge <= p_ended;
end
$$;
comment on function sync.pauses_fit(jsonb, timestamptz, timestamptz) is
  'Whether pauses are well formed, in order and inside the range; only the last pause of a range without an end may be open. At most 1,000.';

create table public.time_entries (
  id               uuid primary key,
  tenant_id        uuid not null references public.tenants (id),
  member_id        uuid not null,
  task_id          uuid,
  project_id       uuid,
  session_name     text not null default '' check (length(session_name) <= 500),
  session_date     date not null check (isfinite(session_date)),
  started_at       timestamptz check (isfinite(started_at)),
  ended_at         timestamptz check (isfinite(ended_at)),
  pauses           jsonb not null default '[]',
  duration_seconds int check (duration_seconds between 0 and 366 * 86400),
  notes            text not null default '' check (length(notes) <= 100000),
  billable         boolean not null default true,
  ended_by         text check (ended_by in ('stop', 'switch', 'idle', 'removed', 'import')),
  version          bigint not null default 1,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  created_by       uuid,
  deleted_at       timestamptz,
  constraint time_entries_range_or_duration check (num_nonnulls(started_at, duration_seconds) = 1),
  constraint time_entries_end_after_start check (ended_at is null or started_at is not null and ended_at >= started_at),
  constraint time_entries_pauses_inside check (sync.pauses_fit(pauses, started_at, ended_at)),
  unique (tenant_id, id),
  foreign key (tenant_id, created_by) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, member_id) references public.tenant_members (tenant_id, id),
  foreign key (tenant_id, task_id) references public.tasks (tenant_id, id) on delete set null (task_id),
  foreign key (tenant_id, project_id) references public.projects (tenant_id, id) on delete set null (project_id)
);
comment on table public.time_entries is
  'Time of one person: a range (started_at, ended_at, pauses), which without an end is a timer, or duration_seconds. session_date is the '
  'civil date of the start in the person''s zone. See docs/timers.md.';
create unique index time_entries_running_key on public.time_entries (tenant_id, member_id)
  where started_at is not null and ended_at is null and deleted_at is null;
create index time_entries_member_idx on public.time_entries (tenant_id, member_id, session_date);
create index time_entries_task_idx on public.time_entries (tenant_id, task_id);
create index time_entries_project_idx on public.time_entries (tenant_id, project_id);

-- ---------------------------------------------------------------------------------------------------------------------------------
-- What a constraint cannot say. Unique indexes hold as well; the triggers speak first, because apply_mutations takes a unique violation
-- for an id that is taken.

create function sync.refuse_duplicate() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_new constant jsonb := to_jsonb(new);
  v_same text;
  v_found boolean;
begin
  -- A null is compared as such, and written so that the index serves.
  select string_agg(case when v_new ->> a.col is null then format('r.%I is null', a.col) else format('r.%1$I = ($1).%1$I', a.col) end, ' and ')
  into v_same
  from unnest(tg_argv[1:]) as a (col);
  execute format('select exists (select from %s r where r.tenant_id = ($1).tenant_id and r.id <> ($1).id and r.deleted_at is null and %s)',
    tg_relid::regclass, v_same) into v_found using new;
  if v_found then
    raise exception '%', tg_argv[0] using errcode = 'CK007';
  end if;
  return new;
end
$$;
comment on function sync.refuse_duplicate() is
  'Refuses a row of which another, not in the trash, has the same values in the columns named after the message.';

create trigger refuse_duplicate before insert or update on public.task_dependencies
  for each row when (new.deleted_at is null)
  execute function sync.refuse_duplicate('This task depends on that one already.', 'task_id', 'depends_on');

create function sync.refuse_dependency_cycle() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (
    -- UNION, so that each task is looked at once however many ways lead to it.
    with recursive up (id) as (
      select new.depends_on
      union
      select d.depends_on
      from up join public.task_dependencies d on d.tenant_id = new.tenant_id and d.task_id = up.id
      where d.deleted_at is null
    )
    select from up where up.id = new.task_id
  ) then
    raise exception 'Tasks would wait for each other in a circle.' using errcode = '23514';
  end if;
  return null;
end
$$;
create trigger refuse_cycle after insert or update on public.task_dependencies
  for each row when (new.deleted_at is null) execute function sync.refuse_dependency_cycle();

create function sync.check_mentions() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (
    select from unnest(new.mentions) as n (id)
    where not exists (select from public.tenant_members m where m.tenant_id = new.tenant_id and m.id = n.id)
  ) then
    raise exception 'Only members of the workspace can be mentioned.' using errcode = '23514';
  end if;
  return new;
end
$$;
create trigger check_mentions_on_insert before insert on public.comments
  for each row when (new.mentions <> '{}') execute function sync.check_mentions();
create trigger check_mentions_on_update before update on public.comments
  for each row when (new.mentions is distinct from old.mentions) execute function sync.check_mentions();

-- Not a definer function: it must see who writes. Who may move a comment to the trash may not therefore put words into another's mouth.
create function sync.keep_to_the_author() returns trigger
language plpgsql set search_path = '' as $$
begin
  if current_user = 'authenticated' and old.created_by is distinct from sync.my_member(old.tenant_id) then
    raise exception 'Only its author edits a comment.' using errcode = '42501';
  end if;
  return new;
end
$$;
create trigger keep_to_the_author before update on public.comments
  for each row when (
    (new.body, new.mentions, new.task_id, new.project_id) is distinct from (old.body, old.mentions, old.task_id, old.project_id))
  execute function sync.keep_to_the_author();

create function sync.tell_of_comment() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_actor constant uuid := sync.my_member(new.tenant_id);
  v_known uuid[] := '{}';
  v_project uuid := new.project_id;
  v_assignee uuid;
  v_who uuid;
begin
  -- An administrator's statement has no caller and tells nobody.
  if v_actor is null or new.deleted_at is not null then
    return null;
  end if;
  if new.task_id is not null then
    select t.project_id, t.assignee into v_project, v_assignee
    from public.tasks t where t.tenant_id = new.tenant_id and t.id = new.task_id;
  end if;
  if tg_op = 'UPDATE' then
    v_known := old.mentions;
  elsif v_assignee is not null and v_assignee <> all (new.mentions) then
    perform sync.notify(new.tenant_id, v_assignee, 'comment', v_actor, new.task_id, v_project, new.id, new.body);
  end if;
  -- Once, however often a name is in the list.
  for v_who in select distinct n.id from unnest(new.mentions) as n (id) where n.id <> all (v_known) order by n.id loop
    perform sync.notify(new.tenant_id, v_who, 'mention', v_actor, new.task_id, v_project, new.id, new.body);
  end loop;
  return null;
end
$$;
create trigger tell_of_comment_on_insert after insert on public.comments for each row execute function sync.tell_of_comment();
create trigger tell_of_comment_on_update after update on public.comments
  for each row when (new.mentions is distinct from old.mentions) execute function sync.tell_of_comment();

create function sync.fill_project_of_time() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- The project is kept beside the task, so that the time stays where it belongs when the task is purged.
  new.project_id := coalesce(
    (select t.project_id from public.tasks t where t.tenant_id = new.tenant_id and t.id = new.task_id), new.project_id);
  return new;
end
$$;
create trigger fill_project_on_insert before insert on public.time_entries
  for each row when (new.task_id is not null and new.project_id is null) execute function sync.fill_project_of_time();
create trigger fill_project_on_update before update on public.time_entries
  for each row when (
    new.task_id is not null and (new.project_id is null or new.task_id is distinct from old.task_id and new.project_id = old.project_id))
  execute function sync.fill_project_of_time();

create function sync.refuse_second_timer() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (
    select from public.time_entries t
    where t.tenant_id = new.tenant_id and t.member_id = new.member_id and t.id <> new.id
      and t.started_at is not null and t.ended_at is null and t.deleted_at is null
  ) then
    raise exception 'Another timer of this person is running. Stop it first.' using errcode = 'CK007';
  end if;
  return new;
end
$$;
create trigger refuse_second_timer before insert or update on public.time_entries
  for each row when (new.started_at is not null and new.ended_at is null and new.deleted_at is null)
  execute function sync.refuse_second_timer();

-- ---------------------------------------------------------------------------------------------------------------------------------
-- The four operations of a timer: docs/timers.md. They run as the caller, so that row security decides.

create function sync.instant(p_at timestamptz) returns text
language sql stable set search_path = '' as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
comment on function sync.instant(timestamptz) is 'An instant as the protocol writes it.';

create function sync.pauses_until(p_pauses jsonb, p_at timestamptz) returns jsonb
language sql stable set search_path = '' as $$
  select coalesce(jsonb_agg(
    case when (e.pause ->> 'to')::timestamptz <= p_at then e.pause
      else jsonb_build_object('from', e.pause -> 'from', 'to', sync.instant(p_at)) end order by e.n), '[]')
  from jsonb_array_elements(p_pauses) with ordinality as e (pause, n)
  where (e.pause ->> 'from')::timestamptz < p_at
$$;
comment on function sync.pauses_until(jsonb, timestamptz) is 'The pauses of a range that ends at p_at: later ones dropped, the last one cut.';

create function sync.start_timer(p_tenant uuid, p_member uuid, p_record uuid, p_set jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_known jsonb := sync.read_time_entries(p_tenant, p_record);
  v_started constant timestamptz := (p_set ->> 'started_at')::timestamptz;
  v_who constant uuid := coalesce((p_set ->> 'member_id')::uuid, p_member);
  v_open record;
  v_set jsonb;
  v_switched boolean := false;
begin
  if v_known is not null then
    return jsonb_build_object('status', 'applied', 'version', (v_known ->> 'version')::bigint, 'merged', true);
  elsif v_started is null or not isfinite(v_started) then
    return sync.rejected('invalid', 'A timer has a start.');
  elsif v_started > v_now + interval '5 minutes' then
    return sync.rejected('invalid', 'The start lies in the future. Set the clock of the device.');
  elsif p_set ->> 'ended_at' is not null or p_set ->> 'duration_seconds' is not null then
    return sync.rejected('invalid', 'A timer starts without an end and without a duration.');
  end if;

  v_set := p_set || jsonb_build_object('member_id', v_who, 'ended_by', null);
  select t.id, t.started_at, t.pauses into v_open
  from public.time_entries t
  where t.tenant_id = p_tenant and t.member_id = v_who
    and t.started_at is not null and t.ended_at is null and t.deleted_at is null;
  if found and v_open.started_at <= v_started then
    update public.time_entries t
    set ended_at = v_started, pauses = sync.pauses_until(v_open.pauses, v_started), ended_by = 'switch'
    where t.id = v_open.id and t.tenant_id = p_tenant;
    if not found then
      return sync.rejected('forbidden', 'Your role does not allow changing this timer.');
    end if;
  elsif found then
    -- An offline start that turns out to be the earlier one: it ended when the other began.
    v_switched := true;
    v_set := v_set || jsonb_build_object('ended_at', sync.instant(v_open.started_at), 'ended_by', 'switch',
      'pauses', sync.pauses_until(coalesce(nullif(v_set -> 'pauses', 'null'), '[]'), v_open.started_at));
  end if;
  return jsonb_build_object('status', 'applied', 'version', sync.insert_time_entries(p_tenant, p_record, p_member, v_set),
    'merged', v_switched);
end
$$;
comment on function sync.start_timer(uuid, uuid, uuid, jsonb) is
  'Starts a timer and ends the one that runs: of two the one that started later goes on.';

create function sync.turn_timer(p_tenant uuid, p_record uuid, p_op text, p_set jsonb) returns jsonb
language plpgsql set search_path = '' as $$
declare
  v_at constant timestamptz := (p_set ->> 'at')::timestamptz;
  v_entry public.time_entries;
  v_last jsonb;
  v_open boolean;
  v_edge timestamptz;
  v_pauses jsonb;
  v_version bigint;
begin
  select t.* into v_entry from public.time_entries t where t.id = p_record and t.tenant_id = p_tenant;
  if not found then
    return case when sync.was_purged(p_tenant, 'time_entries', p_record) then sync.rejected('deleted', 'The record was deleted for good.')
      else sync.rejected('not_found', 'The record does not exist, or you cannot see it.') end;
  elsif v_entry.deleted_at is not null then
    return sync.rejected('deleted', 'The record is in the trash. Restore it to change it.', null, v_entry.version);
  elsif v_at is null or not isfinite(v_at) then
    return sync.rejected('invalid', 'The change says not when.');
  end if;

  v_last := v_entry.pauses -> -1;
  v_open := v_last is not null and v_last ->> 'to' is null;
  v_edge := coalesce((v_last ->> 'to')::timestamptz, (v_last ->> 'from')::timestamptz, v_entry.started_at);
  if v_entry.started_at is null
    or v_entry.ended_at is not null and not (p_op = 'stop' and v_entry.ended_by = 'switch')
    or p_op = 'pause' and v_open or p_op = 'resume' and not v_open then
    return jsonb_build_object('status', 'applied', 'version', v_entry.version, 'merged', true);
  end if;

  -- Nothing moves backwards: an instant before the last edge counts as that edge.
  v_edge := greatest(v_at, v_edge);
  v_pauses := case
    when p_op = 'pause' then v_entry.pauses || jsonb_build_array(jsonb_build_object('from', sync.instant(v_edge), 'to', null))
    when v_open then jsonb_set(v_entry.pauses, '{-1,to}', to_jsonb(sync.instant(v_edge)))
    else v_entry.pauses end;
  update public.time_entries t
  set pauses = v_pauses,
    ended_at = case when p_op = 'stop' then v_edge end,
    ended_by = case when p_op = 'stop' then coalesce(p_set ->> 'ended_by', 'stop') end
  where t.id = p_record and t.tenant_id = p_tenant
  returning t.version into v_version;
  if v_version is null then
    return sync.rejected('forbidden', 'Your role does not allow changing this timer.');
  end if;
  return jsonb_build_object('status', 'applied', 'version', v_version);
end
$$;
comment on function sync.turn_timer(uuid, uuid, text, jsonb) is
  'Pauses, resumes or stops a timer; what is so already stays so. The stop of a person wins over a switch.';

-- Who leaves stops working. Runs within the function that removes, which holds the heads.
create function sync.end_timers_of_removed() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  v_entry public.time_entries;
  v_end timestamptz;
begin
  for v_entry in
    select t.* from public.time_entries t
    where t.tenant_id = new.tenant_id and t.member_id = new.id
      and t.started_at is not null and t.ended_at is null and t.deleted_at is null
  loop
    v_end := greatest(new.removed_at, v_entry.started_at,
      (v_entry.pauses -> -1 ->> 'from')::timestamptz, (v_entry.pauses -> -1 ->> 'to')::timestamptz);
    update public.time_entries t
    set ended_at = v_end, ended_by = 'removed',
      pauses = case when t.pauses -> -1 ->> 'to' is null and t.pauses <> '[]'
        then jsonb_set(t.pauses, '{-1,to}', to_jsonb(sync.instant(v_end))) else t.pauses end
    where t.id = v_entry.id;
  end loop;
  return null;
end
$$;
create trigger end_timers after update on public.tenant_members
  for each row when (new.removed_at is not null and old.removed_at is null) execute function sync.end_timers_of_removed();

create or replace function sync.apply_one(
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
  elsif p_op is null or p_op not in ('insert', 'update', 'delete', 'restore')
    and not (p_tbl = 'time_entries' and p_op in ('start', 'pause', 'resume', 'stop')) then
    return sync.rejected('invalid', format('"%s" is no operation on "%s".', p_op, p_tbl));
  elsif p_op not in ('delete', 'restore') and jsonb_typeof(p_set) is distinct from 'object' then
    return sync.rejected('invalid', 'The change holds no values.');
  end if;

  if p_op in ('pause', 'resume', 'stop') then
    return sync.turn_timer(p_tenant, p_record, p_op, p_set);
  elsif p_op in ('insert', 'update', 'start') then
    select coalesce(array_agg(k order by k), '{}') into v_columns from jsonb_object_keys(p_set) k;
    select k into v_unknown from unnest(v_columns) k
    where not exists (select from sync.field f where f.tbl = p_tbl and f.col = k) limit 1;
    if v_unknown is not null then
      return sync.rejected('unknown_column', format('"%s" of "%s" cannot be written.', v_unknown, p_tbl));
    end if;
  end if;

  if p_op = 'start' then
    return sync.start_timer(p_tenant, p_member, p_record, p_set);
  elsif p_op = 'insert' then
    -- The next occurrence of a recurring task has the same id whichever device completes the one before.
    if p_tbl = 'tasks' and p_set ->> 'series' is not null then
      v_current := sync.read_tasks(p_tenant, p_record);
      if v_current ->> 'series' = (p_set ->> 'series')::uuid::text then
        return jsonb_build_object('status', 'applied', 'version', (v_current ->> 'version')::bigint, 'merged', true);
      end if;
    end if;
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

-- ---------------------------------------------------------------------------------------------------------------------------------
-- Who may: everyone in the workspace reads; UPDATE policies repeat membership and role, as in 0002.

alter table public.task_dependencies enable row level security;
alter table public.task_links enable row level security;
alter table public.comments enable row level security;
alter table public.time_entries enable row level security;

create policy task_dependencies_select on public.task_dependencies for select to authenticated
  using (tenant_id in (select sync.my_tenants()));
create policy task_dependencies_insert on public.task_dependencies for insert to authenticated
  with check (
    tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')) and created_by = (select sync.my_member(tenant_id))
  );
create policy task_dependencies_update on public.task_dependencies for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')));

create policy task_links_select on public.task_links for select to authenticated using (tenant_id in (select sync.my_tenants()));
create policy task_links_insert on public.task_links for insert to authenticated
  with check (
    tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')) and created_by = (select sync.my_member(tenant_id))
  );
create policy task_links_update on public.task_links for update to authenticated
  using (tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')))
  with check (tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')));

create policy comments_select on public.comments for select to authenticated using (tenant_id in (select sync.my_tenants()));
create policy comments_insert on public.comments for insert to authenticated
  with check (
    tenant_id in (select sync.my_tenants_as('{owner,admin,manager,member}')) and created_by = (select sync.my_member(tenant_id))
  );
-- The author edits and deletes; manager and up only delete, which the trigger keep_to_the_author sees to.
create policy comments_update on public.comments for update to authenticated
  using (
    tenant_id in (select sync.my_tenants_as('{owner,admin,manager}'))
    or tenant_id in (select sync.my_tenants_as('{member}')) and created_by = (select sync.my_member(tenant_id))
  )
  with check (
    tenant_id in (select sync.my_tenants_as('{owner,admin,manager}'))
    or tenant_id in (select sync.my_tenants_as('{member}')) and created_by = (select sync.my_member(tenant_id))
  );

create policy time_entries_select on public.time_entries for select to authenticated using (tenant_id in (select sync.my_tenants()));
create policy time_entries_insert on public.time_entries for insert to authenticated
  with check (
    created_by = (select sync.my_member(tenant_id)) and (
      tenant_id in (select sync.my_tenants_as('{owner,admin,manager}'))
      or tenant_id in (select sync.my_tenants_as('{member}')) and member_id = (select sync.my_member(tenant_id)))
  );
create policy time_entries_update on public.time_entries for update to authenticated
  using (
    tenant_id in (select sync.my_tenants_as('{owner,admin,manager}'))
    or tenant_id in (select sync.my_tenants_as('{member}')) and member_id = (select sync.my_member(tenant_id))
  )
  with check (
    tenant_id in (select sync.my_tenants_as('{owner,admin,manager}'))
    or tenant_id in (select sync.my_tenants_as('{member}')) and member_id = (select sync.my_member(tenant_id))
  );

revoke all on public.task_dependencies, public.task_links, public.comments, public.time_entries
  from public, anon, authenticated, service_role;
grant select on public.task_dependencies, public.task_links, public.comments, public.time_entries to authenticated, service_role;

revoke all on function sync.pauses_fit(jsonb, timestamptz, timestamptz), sync.refuse_duplicate(), sync.refuse_dependency_cycle(),
  sync.check_mentions(), sync.keep_to_the_author(), sync.tell_of_comment(), sync.fill_project_of_time(), sync.refuse_second_timer(), sync.instant(timestamptz),
  sync.pauses_until(jsonb, timestamptz), sync.start_timer(uuid, uuid, uuid, jsonb), sync.turn_timer(uuid, uuid, text, jsonb),
  sync.end_timers_of_removed() from public, anon, authenticated, service_role;
grant execute on function sync.pauses_fit(jsonb, timestamptz, timestamptz), sync.instant(timestamptz),
  sync.pauses_until(jsonb, timestamptz), sync.start_timer(uuid, uuid, uuid, jsonb), sync.turn_timer(uuid, uuid, text, jsonb)
  to authenticated;

insert into sync.logged_table (tbl, scope_kind, position) values
  ('task_dependencies', 'tenant', 70),
  ('task_links', 'tenant', 80),
  ('comments', 'tenant', 90),
  ('time_entries', 'tenant', 100);
select sync.log_table(('public.' || t.tbl)::regclass)
from unnest(array['tasks', 'task_dependencies', 'task_links', 'comments', 'time_entries']) as t (tbl);

insert into sync.field (tbl, col, policy) values
  ('tasks', 'recurrence', 'latest'), ('tasks', 'series', 'latest'),
  ('task_dependencies', 'task_id', 'latest'), ('task_dependencies', 'depends_on', 'latest'), ('task_dependencies', 'kind', 'latest'),
  ('task_dependencies', 'lag_days', 'latest'),
  ('task_links', 'task_id', 'latest'), ('task_links', 'url', 'latest'), ('task_links', 'title', 'latest'),
  ('comments', 'task_id', 'latest'), ('comments', 'project_id', 'latest'), ('comments', 'body', 'text'), ('comments', 'mentions', 'set'),
  ('time_entries', 'member_id', 'ask'), ('time_entries', 'task_id', 'latest'), ('time_entries', 'project_id', 'latest'),
  ('time_entries', 'session_name', 'latest'), ('time_entries', 'session_date', 'ask'), ('time_entries', 'started_at', 'ask'),
  ('time_entries', 'ended_at', 'ask'), ('time_entries', 'pauses', 'ask'), ('time_entries', 'duration_seconds', 'ask'),
  ('time_entries', 'notes', 'text'), ('time_entries', 'billable', 'latest'), ('time_entries', 'ended_by', 'latest');
update sync.field f set locked = true
where f.tbl = 'time_entries' and f.col <> 'ended_by';
select sync.make_writable(('public.' || t.tbl)::regclass)
from unnest(array['tasks', 'task_dependencies', 'task_links', 'comments', 'time_entries']) as t (tbl);
update sync.installation set schema_version = 11;
