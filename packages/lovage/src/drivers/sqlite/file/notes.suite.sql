-- For the tests of this room.
CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
