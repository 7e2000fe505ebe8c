-- Who may join which private topic, and what the server has. Alone in its file and guarded, because realtime.messages belongs to the
-- server: without these policies the app polls and sync_health() says so.

create function sync.my_topics(p_purpose text) returns setof text
language sql stable security definer set search_path = '' rows 40 as $$
  select format('fractal:%s:%s:changes', s.id, s.feed_key) from sync.my_scopes() s where p_purpose = 'receive'
  union all
  select format('fractal:%s:%s', s.tenant_id, s.feed_key) from sync.my_scopes() s
  where s.kind = 'tenant' and p_purpose in ('receive', 'broadcast')
  union all
  select format('presence:%s:%s', s.tenant_id, s.feed_key) from sync.my_scopes() s
  where s.kind = 'tenant' and p_purpose in ('receive', 'presence')
$$;
comment on function sync.my_topics(text) is
  'The topics, with their current keys, that the caller may use to receive, broadcast or presence. Nobody but the database writes changes.';

revoke all on function sync.my_topics(text) from public, anon, authenticated, service_role;
grant execute on function sync.my_topics(text) to authenticated;

do $$
begin
  if to_regclass('realtime.messages') is null or to_regprocedure('realtime.topic()') is null then
    raise warning 'This server has no Realtime: changes are seen by polling.';
    return;
  end if;
  -- Texts are compared; a topic is never taken apart or cast, so that no name can raise an error.
  execute $policy$
    create policy cockpit_receive on realtime.messages for select to authenticated
    using (extension in ('broadcast', 'presence') and (select realtime.topic()) in (select sync.my_topics('receive')))
  $policy$;
  execute $policy$
    create policy cockpit_broadcast on realtime.messages for insert to authenticated
    with check (extension = 'broadcast' and (select realtime.topic()) in (select sync.my_topics('broadcast')))
  $policy$;
  execute $policy$
    create policy cockpit_presence on realtime.messages for insert to authenticated
    with check (extension = 'presence' and (select realtime.topic()) in (select sync.my_topics('presence')))
  $policy$;
exception when insufficient_privilege then
  raise warning 'No right to create the policies on realtime.messages (%): changes are seen by polling. '
    'Run the three policies of 0008_realtime_policies.sql in the SQL editor of the project.', sqlerrm;
end
$$;

create function public.sync_health() returns json
language sql stable security definer set search_path = '' as $$
  select json_build_object(
    'product', 'cockpit',
    'schema_version', (select i.schema_version from sync.installation i),
    'server_ms', sync.server_ms(),
    'realtime', json_build_object(
      'send', to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null,
      'policies', 3 = (
        select count(*) from pg_catalog.pg_policy p
        where p.polrelid = to_regclass('realtime.messages')
          and p.polname in ('cockpit_receive', 'cockpit_broadcast', 'cockpit_presence'))
    ),
    'postgres', split_part(current_setting('server_version'), ' ', 1)
  )
$$;
comment on function public.sync_health() is 'What this server is and has. For anyone, also before sign-in.';

revoke all on function public.sync_health() from public, anon, authenticated, service_role;
grant execute on function public.sync_health() to anon, authenticated, service_role;
update sync.installation set schema_version = 8;
