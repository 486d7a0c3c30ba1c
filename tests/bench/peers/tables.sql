-- What the peers write: the entries with the primary key that makes a repeat harmless, and the other events as they came.
CREATE TABLE entry (
    unit text COLLATE "C",
    year integer,
    id_number text COLLATE "C",
    result text,
    reason text,
    submission text,
    submitted_by text,
    PRIMARY KEY (unit, year, id_number)
);
CREATE TABLE event (
    unit text COLLATE "C",
    year integer,
    topic text COLLATE "C",
    event_id text COLLATE "C",
    body text,
    PRIMARY KEY (unit, year, topic, event_id)
);
