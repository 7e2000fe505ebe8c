-- Workspaces and the people in them. Only these functions write membership; each takes the workspace's heads before it touches a row.

create function sync.workspace_json(p_tenant uuid) returns json
language sql stable security definer set search_path = '' as $$
  select w.entry from json_array_elements(public.my_workspaces()) as w (entry) where (w.entry ->> 'tenant')::uuid = p_tenant
$$;
comment on function sync.workspace_json(uuid) is 'One entry of my_workspaces().';

create function sync.need_role(p_tenant uuid, p_roles text[]) returns public.tenant_members
language plpgsql stable security definer set search_path = '' as $$
declare
  v_user constant uuid not null := sync.need_user();
  v_member public.tenant_members;
begin
  select m.* into v_member
  from public.tenant_members m join public.tenants t on t.id = m.tenant_id
  where m.tenant_id = p_tenant and m.auth_user = v_user and m.removed_at is null and t.deleted_at is null;
  if not found then
    raise exception 'You are not a member of this workspace (any more).' using errcode = 'CK002';
  elsif v_member.role <> all (p_roles) then
    raise exception 'Your role (%) does not allow this. It takes: %.', v_member.role, array_to_string(p_roles, ' or ')
      using errcode = 'CK003';
  end if;
  return v_member;
end
$$;
comment on function sync.need_role(uuid, text[]) is 'The caller''s member row, or error CK001 (signed out), CK002 (no member), CK003 (role).';

-- A workspace always has an owner, whichever way the rows are written. The head is held, so that two owners cannot leave at once.
create function sync.keep_an_owner() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if exists (
    select from old_rows o join public.tenants t on t.id = o.tenant_id
    where o.role = 'owner' and o.removed_at is null and t.deleted_at is null
      and not exists (
        select from public.tenant_members m where m.tenant_id = o.tenant_id and m.role = 'owner' and m.removed_at is null)
  ) then
    raise exception 'A workspace always has an owner. Make someone else an owner first.' using errcode = 'CK004';
  end if;
  return null;
end
$$;
create trigger keep_an_owner_on_update after update on public.tenant_members
  referencing old table as old_rows for each statement execute function sync.keep_an_owner();
create trigger keep_an_owner_on_delete after delete on public.tenant_members
  referencing old table as old_rows for each statement execute function sync.keep_an_owner();

create function public.create_workspace(p_tenant uuid, p_member uuid, p_name text, p_member_name text) returns json
language plpgsql security definer set search_path = '' as $$
declare
  v_user constant uuid not null := sync.need_user();
begin
  -- A new workspace has no heads yet; saying that none are needed spares those of all others.
  perform sync.take_heads('{}');
  insert into public.tenants (id, name, created_by) values (p_tenant, p_name, p_member) on conflict do nothing;
  if found then
    insert into public.tenant_members (id, tenant_id, auth_user, role, name, created_by)
    values (p_member, p_tenant, v_user, 'owner', p_member_name, p_member);
  elsif not exists (
    select from public.tenant_members m
    where m.tenant_id = p_tenant and m.id = p_member and m.auth_user = v_user and m.removed_at is null
  ) then
    raise exception 'A workspace with this id exists already. Take a new id.' using errcode = 'CK007';
  end if;
  return sync.workspace_json(p_tenant);
exception
  when unique_violation then
    raise exception 'A member with this id exists already. Take a new id.' using errcode = 'CK007';
  when check_violation or not_null_violation then
    raise exception 'A workspace and its owner have a name of at most 200 characters.' using errcode = 'CK006';
end
$$;
comment on function public.create_workspace(uuid, uuid, text, text) is
  'Creates a workspace owned by the caller; called again with the same ids it answers the same.';

create function public.invite_member(
  p_tenant uuid, p_invitation uuid, p_role text, p_email text default null, p_days int default 14
) returns json
language plpgsql security definer set search_path = '' as $$
declare
  v_me public.tenant_members;
  v_code text;
begin
  perform sync.need_role(p_tenant, '{owner,admin}');
  perform sync.take_heads(array[p_tenant]);
  v_me := sync.need_role(p_tenant, '{owner,admin}');
  if p_role is null or p_role not in ('admin', 'manager', 'member', 'viewer') then
    raise exception 'One is invited as admin, manager, member or viewer.' using errcode = 'CK006';
  elsif p_days is null or p_days not between 1 and 90 then
    raise exception 'An invitation is valid for 1 to 90 days.' using errcode = 'CK006';
  end if;

  -- 144 bits from the server's strong random source, in characters that survive a link.
  v_code := translate(
    encode(substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) for 18), 'base64'), '+/', '-_');
  insert into public.invitations as i (id, tenant_id, role, email, code_hash, expires_at, created_by)
  values (p_invitation, p_tenant, p_role, nullif(lower(btrim(p_email)), ''), encode(sha256(convert_to(v_code, 'UTF8')), 'hex'),
    now() + make_interval(days => p_days), v_me.id)
  on conflict (id) do update
  set role = excluded.role, email = excluded.email, code_hash = excluded.code_hash, expires_at = excluded.expires_at, revoked_at = null
  where i.tenant_id = excluded.tenant_id and i.accepted_at is null;
  if not found then
    raise exception 'This invitation was accepted already, or its id is taken.' using errcode = 'CK007';
  end if;
  return json_build_object('code', v_code);
end
$$;
comment on function public.invite_member(uuid, uuid, text, text, int) is
  'Makes an invitation and answers its code, which cannot be read again; with the id of an open one it makes a new code (resend).';

create function public.revoke_invitation(p_tenant uuid, p_invitation uuid) returns json
language plpgsql security definer set search_path = '' as $$
begin
  perform sync.need_role(p_tenant, '{owner,admin}');
  update public.invitations set revoked_at = coalesce(revoked_at, now())
  where id = p_invitation and tenant_id = p_tenant and accepted_at is null;
  if not found then
    raise exception 'There is no such open invitation.' using errcode = 'CK005';
  end if;
  return json_build_object('revoked', true);
end
$$;
comment on function public.revoke_invitation(uuid, uuid) is 'Makes an invitation''s code worthless.';

create function public.accept_invitation(p_code text, p_member uuid, p_member_name text) returns json
language plpgsql security definer set search_path = '' as $$
declare
  v_user constant uuid not null := sync.need_user();
  v_hash constant text := encode(sha256(convert_to(coalesce(p_code, ''), 'UTF8')), 'hex');
  v_tenant uuid;
  v_invitation public.invitations;
begin
  select i.tenant_id into v_tenant from public.invitations i join public.tenants t on t.id = i.tenant_id
  where i.code_hash = v_hash and t.deleted_at is null;
  if not found then
    raise exception 'This invitation does not exist. Check the code, or ask for a new one.' using errcode = 'CK005';
  end if;
  perform sync.take_heads(array[v_tenant]);
  select i.* into v_invitation from public.invitations i where i.code_hash = v_hash for update;

  -- Who is in already is in: repeating the call, or following a second link, changes nothing.
  if sync.my_member(v_tenant) is not null then
    return sync.workspace_json(v_tenant);
  elsif v_invitation.id is null or v_invitation.revoked_at is not null then
    raise exception 'This invitation was revoked. Ask for a new one.' using errcode = 'CK005';
  elsif v_invitation.accepted_at is not null then
    raise exception 'This invitation was used already. Ask for a new one.' using errcode = 'CK005';
  elsif v_invitation.expires_at <= now() then
    raise exception 'This invitation has expired. Ask for a new one.' using errcode = 'CK005';
  elsif v_invitation.email is not null and v_invitation.email is distinct from lower(auth.email()) then
    raise exception 'This invitation is for another e-mail address than the one you are signed in with.' using errcode = 'CK005';
  end if;

  insert into public.tenant_members (id, tenant_id, auth_user, role, finance_right, name, created_by)
  values (p_member, v_tenant, v_user, v_invitation.role, v_invitation.role <> 'viewer', p_member_name, v_invitation.created_by);
  update public.invitations set accepted_at = now(), accepted_by = p_member where id = v_invitation.id;
  return sync.workspace_json(v_tenant);
exception
  when unique_violation then
    raise exception 'A member with this id exists already. Take a new id.' using errcode = 'CK007';
  when check_violation or not_null_violation then
    raise exception 'A member has a name of at most 200 characters.' using errcode = 'CK006';
end
$$;
comment on function public.accept_invitation(text, uuid, text) is 'Makes the caller a member by an invitation''s code.';

create function public.set_member_role(p_tenant uuid, p_member uuid, p_role text, p_finance_right boolean) returns json
language plpgsql security definer set search_path = '' as $$
declare
  v_me public.tenant_members;
  v_them public.tenant_members;
begin
  perform sync.need_role(p_tenant, '{owner,admin}');
  perform sync.take_heads(array[p_tenant]);
  v_me := sync.need_role(p_tenant, '{owner,admin}');
  if p_role is null or p_role not in ('owner', 'admin', 'manager', 'member', 'viewer') or p_finance_right is null then
    raise exception 'A role is owner, admin, manager, member or viewer, and the finance right is given or not.' using errcode = 'CK006';
  end if;
  select m.* into v_them from public.tenant_members m where m.tenant_id = p_tenant and m.id = p_member and m.removed_at is null;
  if not found then
    raise exception 'There is no such member (any more).' using errcode = 'CK002';
  elsif v_me.role <> 'owner' and 'owner' in (v_them.role, p_role) then
    raise exception 'Only an owner makes or changes owners.' using errcode = 'CK003';
  end if;

  if (v_them.role, v_them.finance_right) is distinct from (p_role, p_finance_right) then
    update public.tenant_members set role = p_role, finance_right = p_finance_right where id = p_member;
    perform sync.rotate_feed_keys(p_tenant);
  end if;
  return json_build_object('member', p_member, 'role', p_role, 'finance_right', p_finance_right);
end
$$;
comment on function public.set_member_role(uuid, uuid, text, boolean) is
  'Sets role and finance right. Topics get new names, so that what was withdrawn is not overheard.';

create function sync.end_membership(p_tenant uuid, p_member uuid) returns json
language plpgsql security definer set search_path = '' as $$
begin
  update public.tenant_members set removed_at = now() where tenant_id = p_tenant and id = p_member and removed_at is null;
  perform sync.rotate_feed_keys(p_tenant);
  return json_build_object('member', p_member, 'removed', true);
end
$$;
comment on function sync.end_membership(uuid, uuid) is 'What removing and leaving share. Tasks stay with the former member until reassigned.';

create function public.remove_member(p_tenant uuid, p_member uuid) returns json
language plpgsql security definer set search_path = '' as $$
declare
  v_me public.tenant_members;
  v_them public.tenant_members;
begin
  perform sync.need_role(p_tenant, '{owner,admin}');
  perform sync.take_heads(array[p_tenant]);
  v_me := sync.need_role(p_tenant, '{owner,admin}');
  select m.* into v_them from public.tenant_members m where m.tenant_id = p_tenant and m.id = p_member;
  if not found then
    raise exception 'There is no such member.' using errcode = 'CK002';
  elsif v_them.role = 'owner' and v_me.role <> 'owner' then
    raise exception 'Only an owner removes an owner.' using errcode = 'CK003';
  elsif v_them.removed_at is not null then
    return json_build_object('member', p_member, 'removed', true);
  end if;
  return sync.end_membership(p_tenant, p_member);
end
$$;
comment on function public.remove_member(uuid, uuid) is 'Ends someone''s membership; their rows stay.';

create function public.leave_workspace(p_tenant uuid) returns json
language plpgsql security definer set search_path = '' as $$
begin
  perform sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}');
  perform sync.take_heads(array[p_tenant]);
  return sync.end_membership(p_tenant, (sync.need_role(p_tenant, '{owner,admin,manager,member,viewer}')).id);
end
$$;
comment on function public.leave_workspace(uuid) is 'Ends the caller''s own membership.';

revoke all on function public.create_workspace(uuid, uuid, text, text), public.invite_member(uuid, uuid, text, text, int),
  public.revoke_invitation(uuid, uuid), public.accept_invitation(text, uuid, text),
  public.set_member_role(uuid, uuid, text, boolean), public.remove_member(uuid, uuid), public.leave_workspace(uuid)
  from public, anon, authenticated, service_role;
grant execute on function public.create_workspace(uuid, uuid, text, text), public.invite_member(uuid, uuid, text, text, int),
  public.revoke_invitation(uuid, uuid), public.accept_invitation(text, uuid, text),
  public.set_member_role(uuid, uuid, text, boolean), public.remove_member(uuid, uuid), public.leave_workspace(uuid)
  to authenticated;
revoke all on function sync.workspace_json(uuid), sync.need_role(uuid, text[]), sync.keep_an_owner(), sync.end_membership(uuid, uuid)
  from public, anon, authenticated, service_role;
update sync.installation set schema_version = 7;
