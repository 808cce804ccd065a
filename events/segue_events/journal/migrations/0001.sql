-- The journal itself: one row. Events up to `floor` are deleted.
CREATE TABLE journal (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    floor INTEGER NOT NULL
) STRICT;

-- Ids are UUIDs of 16 bytes, or any text; kinds and runs are numbered, since they come again and again.
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id ANY NOT NULL UNIQUE,
    occurred INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    run INTEGER NOT NULL,
    subject ANY NOT NULL,
    payload TEXT NOT NULL
) STRICT;

CREATE INDEX event_by_run ON event (run);

CREATE TABLE event_kind (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE event_run (
    number INTEGER PRIMARY KEY,
    id ANY NOT NULL UNIQUE
) STRICT;

-- What is folded from the events. `behind` is set by a writer that does not know the projection: it holds the events
-- up to this one only.
CREATE TABLE projection (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    behind INTEGER
) STRICT, WITHOUT ROWID;
