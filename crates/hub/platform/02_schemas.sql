-- The schemas a project starts with, and who may look into them.

do $$
begin
  execute format('alter database %I owner to postgres', current_database());
end
$$;

create schema if not exists extensions authorization postgres;
create schema if not exists auth;
create schema if not exists realtime;
alter schema auth owner to supabase_auth_admin;
alter schema realtime owner to supabase_realtime_admin;

grant usage on schema extensions, auth, realtime to postgres, anon, authenticated, service_role;
grant usage on schema realtime to supabase_auth_admin;
grant usage on schema public to postgres, anon, authenticated, service_role;
grant create on schema public to postgres;
