-- The rest of the records. A file that was synced by an app without these tables has passed their changes by, so everything is fetched anew:
-- a cursor of epoch 0 fits no log.
create table task_dependencies (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table task_links (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table comments (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table time_entries (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table economics_model (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table rates (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table expenses (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table scenarios (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table exchange_rates (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table saved_views (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table preferences (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
create table inbox_items (
  id blob primary key not null,
  scope blob not null,
  version integer not null,
  generation integer not null,
  overlaid integer not null,
  visible text,
  confirmed text
) strict;
-- A change written under a lock carries the lock's fencing number. What was sent is found however much waits before it.
alter table outbox add column fence integer;
create index outbox_sent on outbox (no) where state = 'sent';
update scope set epoch = 0, seq = 0, mark = null;
