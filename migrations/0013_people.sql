-- What a workspace says about itself, what people say about themselves, and handing a workspace over. As in 0007, only these functions
-- write these rows; each takes the workspace's heads before it touches one, and asks for the role again under them.

create function public.update_workspace(
  p_tenant uuid, p_name text default null, p_currency text default null, p_zone text default null, p_week_start int default null
) returns json
language plpgsql security definer set search_path = '' as $$
begin
  perform sync.need_role(p_tenant, '{owner,admin}');
  if p_zone !~ '^[A-Za-z0-9_+/-]{1,64}$' then
    raise exception 'A time zone has a name such as Europe/Berlin.' using errcode = 'CK006';
  end if;
  perform sync.take_heads(array[p_tenant]);
  perform sync.need_role(p_tenant, '{owner,admin}');
  -- Saying what is so already writes nothing.
  update public.tenants t
  set name = n.name, currency = n.currency, zone = n.zone, week_start = n.week_start
  from (
    select o.id, coalesce(btrim(p_name), o.name) as name, coalesce(p_currency, o.currency) as currency, coalesce(p_zone, o.zone) as zone,
      coalesce(p_week_start, o.week_start)::smallint as week_start
    from public.tenants o where o.id = p_tenant
  ) n
  where t.id = n.id and (t.name, t.currency, t.zone, t.week_start) is distinct from (n.name, n.currency, n.zone, n.week_start);
  return sync.workspace_json(p_tenant);
exception when check_violation or numeric_value_out_of_range then
  raise exception 'A workspace has a name of 1 to 200 characters, a currency of three capitals, and a week that starts on day 1 (Monday) to 7.'
    using errcode = 'CK006';
end
$$;
comment on function public.update_workspace(uuid, text, text, text, int) is
  'Changes what is given of the workspace''s name, currency, zone and first day of the week (1 is Monday); answers an entry of my_workspaces(). '
  'Admin and owner.';

create function public.update_member(p_tenant uuid, p_member uuid, p_changes json) returns json
language plpgsql security definer set search_path = '' as $$
declare
  v_changes jsonb := p_changes::jsonb;
  v_me public.tenant_members;
  v_new public.tenant_members;
begin
  v_me := sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
  if jsonb_typeof(v_changes) is distinct from 'object'
    or v_changes - '{name,avatar,colour,zone,weekly_hours}'::text[] <> '{}'
    or exists (select from jsonb_each(v_changes) c where jsonb_typeof(c.value) not in ('string', 'number', 'null')) then
    raise exception 'One changes name, avatar, colour, zone and weekly_hours of a member.' using errcode = 'CK006';
  elsif v_changes ->> 'zone' !~ '^[A-Za-z0-9_+/-]{1,64}$' then
    raise exception 'A time zone has a name such as Europe/Berlin.' using errcode = 'CK006';
  end if;

  perform sync.take_heads(array[p_tenant]);
  v_me := sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
  if v_changes ? 'weekly_hours' and v_me.role not in ('owner', 'admin') then
    raise exception 'Weekly hours are set by an owner or admin.' using errcode = 'CK003';
  elsif v_changes - 'weekly_hours' <> '{}' and p_member is distinct from v_me.id then
    raise exception 'Name, avatar, colour and zone are changed by the member themself.' using errcode = 'CK003';
  end if;
  select m.* into v_new from public.tenant_members m where m.tenant_id = p_tenant and m.id = p_member and m.removed_at is null;
  if not found then
    raise exception 'There is no such member (any more).' using errcode = 'CK002';
  end if;

  if v_changes ? 'name' then v_new.name := btrim(v_changes ->> 'name'); end if;
  if v_changes ? 'avatar' then v_new.avatar := v_changes ->> 'avatar'; end if;
  if v_changes ? 'colour' then v_new.colour := v_changes ->> 'colour'; end if;
  if v_changes ? 'zone' then v_new.zone := v_changes ->> 'zone'; end if;
  if v_changes ? 'weekly_hours' then v_new.weekly_hours := (v_changes ->> 'weekly_hours')::numeric; end if;
  update public.tenant_members m
  set name = v_new.name, avatar = v_new.avatar, colour = v_new.colour, zone = v_new.zone, weekly_hours = v_new.weekly_hours
  where m.id = p_member and (m.name, m.avatar, m.colour, m.zone, m.weekly_hours)
    is distinct from (v_new.name, v_new.avatar, v_new.colour, v_new.zone, v_new.weekly_hours);
  return json_build_object('member', p_member);
exception when check_violation or not_null_violation or data_exception then
  raise exception 'A member has a name of 1 to 200 characters, a colour such as #3366ff, a time zone, and 0 to 168 weekly hours.'
    using errcode = 'CK006';
end
$$;
comment on function public.update_member(uuid, uuid, json) is
  'Changes what is given: of oneself name, avatar, colour and zone; of anybody, by owner and admin, weekly_hours. Null clears avatar, colour '
  'and weekly_hours.';

create function public.transfer_ownership(p_tenant uuid, p_member uuid) returns json
language plpgsql security definer set search_path = '' as $$
declare
  v_me public.tenant_members;
begin
  perform sync.need_role(p_tenant, '{owner}');
  perform sync.take_heads(array[p_tenant]);
  v_me := sync.need_role(p_tenant, '{owner}');
  if p_member is not distinct from v_me.id then
    raise exception 'The workspace is yours already. Choose someone else.' using errcode = 'CK006';
  elsif not exists (
    select from public.tenant_members m where m.tenant_id = p_tenant and m.id = p_member and m.removed_at is null
  ) then
    raise exception 'There is no such member (any more).' using errcode = 'CK002';
  end if;
  -- In one statement, so that there is an owner at every moment.
  update public.tenant_members m set role = case when m.id = p_member then 'owner' else 'admin' end
  where m.tenant_id = p_tenant and m.id in (p_member, v_me.id);
  perform sync.rotate_feed_keys(p_tenant);
  return json_build_object('owner', p_member, 'admin', v_me.id);
end
$$;
comment on function public.transfer_ownership(uuid, uuid) is
  'Makes another member an owner and the caller, until then an owner, an admin. Other owners stay.';

revoke all on function public.update_workspace(uuid, text, text, text, int), public.update_member(uuid, uuid, json),
  public.transfer_ownership(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function public.update_workspace(uuid, text, text, text, int), public.update_member(uuid, uuid, json),
  public.transfer_ownership(uuid, uuid) to authenticated;
update sync.installation set schema_version = 13;
