-- One workspace on one machine. Ids are the 16 bytes of the UUID, so that they sort as they do in memory.
pragma application_id = 0x434B5057; -- "CKPW"

create table meta (
  only integer primary key check (only = 1),
  tenant blob not null,
  device blob not null,
  next_no integer not null
) strict;

create table scope (
  id blob primary key not null,
  kind text not null,
  feed_key text not null,
  epoch integer not null,
  seq integer not null,
  mark blob,
  generation integer not null,
  -- The bootstrap that is under way; all null when there is none. Its target is null before the first page.
  bootstrap_table text,
  bootstrap_after blob,
  bootstrap_rows integer,
  target_epoch integer,
  target_seq integer,
  target_mark blob
) strict;

create table staged_change (
  scope blob not null,
  seq integer not null,
  mark blob not null,
  tbl text not null,
  id blob not null,
  op text not null,
  version integer not null,
  row text,
  mutation blob,
  xid text not null,
  primary key (scope, seq)
) strict;

-- Positions are never given twice (autoincrement), also after the newest entry went away.
create table outbox (
  position integer primary key autoincrement,
  mutation blob not null unique,
  tbl text not null,
  record blob not null,
  op text not null,
  set_fields text not null,
  base_fields text not null,
  base_version integer,
  at_ms integer not null,
  state text not null check (state in ('queued', 'sent', 'acknowledged', 'parked')),
  no integer,
  scope blob,
  seq integer,
  error text,
  check ((state = 'sent') = (no is not null)),
  check ((state = 'acknowledged') = (scope is not null and seq is not null)),
  check ((state = 'parked') = (error is not null))
) strict;
create index outbox_of_record on outbox (record, tbl);
create index outbox_to_send on outbox (position) where state in ('queued', 'sent');
create index outbox_reached on outbox (scope, seq) where state = 'acknowledged';

create table undo (
  position integer primary key autoincrement,
  tbl text not null,
  record blob not null,
  what text not null,
  op text not null,
  before_fields text not null,
  after_fields text not null,
  undone integer not null
) strict;

-- The synced tables. `confirmed` is only kept where it differs from `visible`, which is where `overlaid` is 1; it is null there when the
-- server has not confirmed the record at all. The long text comes last, so that a scan of the other columns does not read it.
create table tenants (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table tenant_members (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table clients (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table projects (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table project_budgets (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;

-- Tasks carry what views filter and sort by. All of it is null when the row cannot be read as a task; then no view shows it.
create table tasks (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  trashed integer,     -- 0 living, 1 in the trash
  status integer,      -- position in TaskStatus
  priority integer,    -- position in Priority
  due_day integer,     -- year * 10000 + month * 100 + day
  updated_us integer,  -- Unix microseconds
  rank text,
  name_lower text,     -- str::to_lowercase of the name
  project_id blob,
  assignee blob,
  tags text,           -- JSON array; null when empty
  visible text,
  confirmed text
) strict;
-- One index with everything that views ask for: the order that people gave comes out of it directly, the others by sorting what it holds,
-- and no filter has to look at the rows. An index per order made a bootstrap write three times as much.
create index tasks_in_views on tasks
  (rank, id, status, priority, due_day, updated_us, name_lower, project_id, assignee, tags) where trashed = 0;
create index tasks_in_trash on tasks (id) where trashed = 1;
