-- The rows of the packed tables as plain temporary tables of the same names, empty: they stand in front of the views, so
-- that a file made by hand is written row by row. unpack.sql fills them from a file, pack.sql puts them into it.
CREATE TEMP TABLE stack (id INTEGER PRIMARY KEY, parent INTEGER, frame INTEGER NOT NULL, cut TEXT);
CREATE TEMP TABLE total (process INTEGER NOT NULL, stack INTEGER NOT NULL, kind INTEGER NOT NULL,
	allocations INTEGER NOT NULL, frees INTEGER NOT NULL, bytes_allocated INTEGER NOT NULL,
	bytes_freed INTEGER NOT NULL, peak_blocks INTEGER NOT NULL, peak_bytes INTEGER NOT NULL,
	temporary INTEGER NOT NULL, PRIMARY KEY (process, stack, kind));
CREATE TEMP TABLE block (snapshot INTEGER NOT NULL, addr INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
	born_ns INTEGER NOT NULL, stack INTEGER NOT NULL, kind INTEGER NOT NULL, thread INTEGER,
	class TEXT NOT NULL DEFAULT 'unclassified', PRIMARY KEY (snapshot, addr));
CREATE TEMP TABLE owner (snapshot INTEGER NOT NULL, kind TEXT NOT NULL, stack INTEGER, thread INTEGER,
	mapping INTEGER NOT NULL, bytes INTEGER NOT NULL, pinned_bytes INTEGER NOT NULL,
	returned_bytes INTEGER NOT NULL);
