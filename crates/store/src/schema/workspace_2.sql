-- The heads at which pages of a bootstrap were read, as JSON `{"seq": "mark"}`, until the cursor has reached them; null when there are none.
alter table scope add column read_at text;
