-- One row: what every process must agree on.
CREATE TABLE bus (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  catalogue INTEGER NOT NULL,  -- grows with every change to topics, subscriptions and queues: caches are judged by it
  next_seq  INTEGER NOT NULL   -- the next message's place; never goes back, so that a reader can ask for "all after"
) STRICT;
INSERT INTO bus VALUES (1, 1, 1);

CREATE TABLE topics (
  id         INTEGER PRIMARY KEY,
  arn        TEXT NOT NULL UNIQUE,
  account    TEXT NOT NULL,
  region     TEXT NOT NULL,
  attributes TEXT NOT NULL,    -- JSON object: only what was set
  tags       TEXT NOT NULL     -- JSON object
) STRICT;

CREATE TABLE subscriptions (
  id         INTEGER PRIMARY KEY,
  arn        TEXT NOT NULL UNIQUE,
  topic      INTEGER NOT NULL REFERENCES topics (id) ON DELETE CASCADE,
  protocol   TEXT NOT NULL,
  endpoint   TEXT NOT NULL,
  owner      TEXT NOT NULL,
  region     TEXT NOT NULL,
  attributes TEXT NOT NULL,    -- JSON object: only what was set
  UNIQUE (topic, protocol, endpoint)
) STRICT;

CREATE TABLE queues (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- never again: receipt handles carry it
  account    TEXT NOT NULL,
  region     TEXT NOT NULL,
  name       TEXT NOT NULL,
  attributes TEXT NOT NULL,    -- JSON object: only what was set
  tags       TEXT NOT NULL,    -- JSON object
  created    INTEGER NOT NULL, -- milliseconds since the epoch, as every instant here
  modified   INTEGER NOT NULL,
  purged     INTEGER,
  UNIQUE (account, region, name)
) STRICT;

CREATE TABLE deleted_queues (
  account TEXT NOT NULL,
  region  TEXT NOT NULL,
  name    TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

-- What was said, once, however many queues it went to. The wrapper that SNS puts around it differs per subscription and is
-- written when the message is received.
CREATE TABLE contents (
  id         INTEGER PRIMARY KEY,
  refs       INTEGER NOT NULL,
  body       TEXT NOT NULL,
  attributes TEXT,             -- JSON object: name -> {"DataType", "StringValue" | "BinaryValue"}
  sns        TEXT              -- JSON object: what the wrapper says; absent for a direct send
) STRICT;

CREATE TABLE messages (
  queue          INTEGER NOT NULL,
  seq            INTEGER NOT NULL,
  content        INTEGER NOT NULL,
  id             BLOB NOT NULL,     -- 16 bytes: the MessageId
  subscription   BLOB,              -- 16 bytes: the end of the subscription's ARN, if the body is to be wrapped
  sent           INTEGER NOT NULL,
  visible        INTEGER NOT NULL,  -- not before this instant; in flight and delayed are the same thing to the index
  receives       INTEGER NOT NULL,
  first_received INTEGER,
  dead_letter_of TEXT,              -- ARN of the queue it was moved here from
  group_id       TEXT,
  dedup_id       TEXT,
  sequence       TEXT,
  trace          TEXT,
  PRIMARY KEY (queue, seq)
) STRICT, WITHOUT ROWID;

-- `sent` makes it answer counts without touching the rows.
CREATE INDEX messages_visible ON messages (queue, visible, sent);
