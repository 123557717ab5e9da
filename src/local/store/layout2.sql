-- From layout 1 to layout 2: FIFO queues and topics, and tasks that move messages.

-- The groups of FIFO queues that hold messages. A receive finds the next group here without looking at the others.
CREATE TABLE groups (
  queue    INTEGER NOT NULL,
  group_id TEXT NOT NULL,
  head     INTEGER NOT NULL,  -- its turn: the place of its first message, or of when it was last received from
  ready    INTEGER NOT NULL,  -- zero: may be received; else not before this instant: something is in flight or delayed
  PRIMARY KEY (queue, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_ready ON groups (queue, ready, head);

-- Only messages of FIFO queues have a sequence number.
CREATE INDEX messages_group ON messages (queue, group_id, seq) WHERE sequence IS NOT NULL;

-- What was sent lately to FIFO queues and topics: a duplicate answers with it.
CREATE TABLE sent_ids (
  owner    INTEGER NOT NULL,  -- a queue's id, or minus a topic's
  dedup_id TEXT NOT NULL,
  group_id TEXT NOT NULL,     -- empty where duplicates are looked for in all groups
  message  BLOB NOT NULL,     -- 16 bytes: the MessageId
  sequence TEXT NOT NULL,
  until    INTEGER NOT NULL,
  PRIMARY KEY (owner, dedup_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_ids_until ON sent_ids (until);

-- What receives with a ReceiveRequestAttemptId took, for those who ask again.
CREATE TABLE attempts (
  queue    INTEGER NOT NULL,
  attempt  TEXT NOT NULL,
  at       INTEGER NOT NULL,
  hidden   INTEGER NOT NULL,  -- until when the messages are hidden
  messages TEXT NOT NULL,     -- JSON array of [seq, receives]
  PRIMARY KEY (queue, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE move_tasks (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  handle      TEXT NOT NULL UNIQUE,
  source      TEXT NOT NULL,    -- ARN
  destination TEXT,             -- ARN; absent: each message's own source
  rate        INTEGER,          -- messages a second; absent: as fast as it goes
  status      TEXT NOT NULL,
  started     INTEGER NOT NULL,
  moved       INTEGER NOT NULL,
  total       INTEGER NOT NULL,
  next        INTEGER NOT NULL, -- when the next message is due, in microseconds since the epoch
  last        INTEGER NOT NULL, -- messages up to this place are moved, later ones are not the task's
  cancelled   INTEGER,          -- when it was asked to stop
  failure     TEXT
) STRICT;
CREATE INDEX move_tasks_source ON move_tasks (source, id);
-- How many tasks run: read with every transaction, so that any process that writes takes them on.
ALTER TABLE bus ADD COLUMN moving INTEGER NOT NULL DEFAULT 0;
