-- The roles every Supabase project has. Applied by the superuser (`supabase_admin`, as there); `postgres` is the ordinary owner under
-- whom migrations run. Safe to apply again.

do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'anon', 'authenticated', 'service_role', 'authenticator', 'postgres', 'supabase_auth_admin', 'supabase_realtime_admin'
  ] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      execute format('create role %I', v_role);
    end if;
  end loop;
end
$$;

alter role anon nologin noinherit;
alter role authenticated nologin noinherit;
alter role service_role nologin noinherit bypassrls;
alter role authenticator login noinherit;
alter role supabase_auth_admin login noinherit;
alter role supabase_realtime_admin nologin noinherit;
alter role postgres login nosuperuser createrole createdb bypassrls inherit;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to postgres with admin option;
grant supabase_realtime_admin to postgres;

-- PostgREST, and so the hub, applies the settings of the role it switches to; these are hosted Supabase's values.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
