-- See loose.sql.
INSERT INTO temp.stack SELECT * FROM main.stack;
INSERT INTO temp.total SELECT * FROM main.total;
INSERT INTO temp.block SELECT * FROM main.block;
INSERT INTO temp.owner SELECT * FROM main.owner;
