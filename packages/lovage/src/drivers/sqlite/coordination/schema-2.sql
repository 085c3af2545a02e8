-- Which marks changed lately, for those who follow a space; older changes are forgotten.
CREATE TABLE lovage_mark_change (seq INTEGER PRIMARY KEY AUTOINCREMENT, space TEXT NOT NULL, key TEXT NOT NULL, at_ms INTEGER NOT NULL);
