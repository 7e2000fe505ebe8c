-- Broadcast from the database: a message is a row, policies on the table say who may join a private topic, and the row is read from the
-- replication stream once it is committed, by hosted Realtime as by the hub.

create table if not exists realtime.messages (
  id          uuid not null default gen_random_uuid(),
  topic       text not null,
  extension   text not null,
  event       text,
  payload     jsonb,
  private     boolean default false,
  inserted_at timestamp not null default (now() at time zone 'UTC'),
  updated_at  timestamp not null default (now() at time zone 'UTC'),
  primary key (id, inserted_at)
) partition by range (inserted_at);

-- Hosted Realtime makes a partition a day and drops those older than three; the hub keeps one and calls `realtime.prune`.
create table if not exists realtime.messages_default partition of realtime.messages default;
create index if not exists messages_inserted_at_topic_idx on realtime.messages (inserted_at desc, topic) where private;

alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.messages_default owner to supabase_realtime_admin;
alter table realtime.messages enable row level security;
alter table realtime.messages_default enable row level security;
grant select, insert, update on realtime.messages to postgres, anon, authenticated, service_role;

create or replace function realtime.topic() returns text language sql stable as $$
  select nullif(current_setting('realtime.topic', true), '')::text
$$;

-- Like the real one this runs with the caller's rights and turns every error into a warning, so that a transaction never fails over a
-- broadcast; a caller whom the policies refuse gets a warning and no row.
create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language plpgsql as $$
declare
  v_id uuid := gen_random_uuid();
begin
  perform set_config('realtime.topic', send.topic, true);
  insert into realtime.messages (id, topic, extension, event, payload, private)
  values (
    v_id, send.topic, 'broadcast', send.event,
    case when send.payload ? 'id' then send.payload else send.payload || jsonb_build_object('id', v_id) end,
    send.private
  );
exception when others then
  raise warning 'ErrorSendingBroadcastMessage: %', sqlerrm;
end
$$;

-- For triggers: sends the row before and after, to the private topic and with the event that the trigger names.
create or replace function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record,
  level text default 'ROW'
) returns void language plpgsql as $$
begin
  if level = 'STATEMENT' then
    raise exception 'realtime.broadcast_changes is for triggers of rows, not of statements';
  end if;
  perform realtime.send(
    jsonb_build_object(
      'operation', operation, 'schema', table_schema, 'table', table_name, 'record', new, 'old_record', old
    ),
    event_name, topic_name
  );
end
$$;

-- What the hub replicates: new rows only, so that pruning costs nothing, and all of them under the name of the table itself, whatever
-- its partitions. Name and shape are the real server's.
do $$
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime_messages_publication') then
    create publication supabase_realtime_messages_publication;
  end if;
end
$$;
alter publication supabase_realtime_messages_publication set table realtime.messages;
alter publication supabase_realtime_messages_publication set (publish = 'insert', publish_via_partition_root = true);

-- Data folders of earlier versions announced each row by a notification.
drop trigger if exists announce on realtime.messages;
drop function if exists realtime.announce();

-- Removes at most 10,000 messages older than `keep` and answers how many: a bounded slice, to be called again while it is full.
create or replace function realtime.prune(keep interval default interval '3 days') returns bigint language sql as $$
  with gone as (
    delete from realtime.messages
    where (id, inserted_at) in (
      select id, inserted_at from realtime.messages
      where inserted_at < (now() at time zone 'UTC') - keep order by inserted_at limit 10000
    )
    returning 1
  )
  select count(*) from gone
$$;

alter function realtime.topic() owner to supabase_realtime_admin;
alter function realtime.send(jsonb, text, text, boolean) owner to supabase_realtime_admin;
alter function realtime.broadcast_changes(text, text, text, text, text, record, record, text) owner to supabase_realtime_admin;
alter function realtime.prune(interval) owner to supabase_realtime_admin;
revoke all on function realtime.prune(interval) from public, anon, authenticated;
