-- The characters of a block's ids, see id-chars.ts; of earlier blocks they are not known: all.
ALTER TABLE block ADD COLUMN id_chars INTEGER NOT NULL DEFAULT 1073741823;
