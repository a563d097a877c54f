-- See loose.sql. Packs as store/schema.sql describes them, not compressed; written from that description alone, so that
-- what reads them is held to it.
DELETE FROM main.stack_pack;
INSERT INTO main.stack_pack
WITH RECURSIVE place(id) AS (
	SELECT 1 WHERE EXISTS (SELECT 1 FROM temp.stack)
	UNION ALL SELECT id + 1 FROM place WHERE id < (SELECT max(id) FROM temp.stack)),
pack AS (
	SELECT (place.id - 1) / 4096 AS number, '[' || group_concat(CASE
		WHEN stack.id IS NULL THEN 'null'
		WHEN stack.cut IS NULL AND stack.parent = stack.id - 1 THEN stack.frame
		WHEN stack.cut IS NULL THEN json_array(coalesce(stack.id - stack.parent, 0), stack.frame)
		ELSE json_array(coalesce(stack.id - stack.parent, 0), stack.frame, stack.cut) END) || ']' AS json
	FROM place LEFT JOIN temp.stack ON stack.id = place.id GROUP BY 1)
SELECT number, length(CAST(json AS BLOB)), CAST(json AS BLOB) FROM pack;

DELETE FROM main.total_pack;
INSERT INTO main.total_pack
WITH numbered AS (
	SELECT *, (row_number() OVER (PARTITION BY process ORDER BY stack, kind) - 1) / 256 AS number FROM temp.total),
item AS (
	SELECT process, number, json_array(stack - lag(stack, 1, 0) OVER (PARTITION BY process, number ORDER BY stack, kind),
		kind, allocations, bytes_allocated, temporary, peak_blocks, peak_bytes, allocations - frees,
		bytes_allocated - bytes_freed) AS json
	FROM numbered ORDER BY process, number, stack, kind),
pack AS (SELECT process, number, '[' || group_concat(json) || ']' AS json FROM item GROUP BY process, number)
SELECT process, number, length(CAST(json AS BLOB)), CAST(json AS BLOB) FROM pack;

DELETE FROM main.block_pack;
INSERT INTO main.block_pack
WITH numbered AS (
	SELECT *, (row_number() OVER (PARTITION BY snapshot ORDER BY addr) - 1) / 4096 AS number FROM temp.block),
based AS (
	SELECT *, min(addr) OVER w AS first_addr, min(born_ns) OVER w AS first_ns FROM numbered
	WINDOW w AS (PARTITION BY snapshot, number)),
item AS (
	SELECT snapshot, number, first_addr, first_ns,
		json_array(addr - lag(addr, 1, first_addr) OVER (PARTITION BY snapshot, number ORDER BY addr), size_bytes,
			born_ns - first_ns, stack, kind, thread) AS json
	FROM based ORDER BY snapshot, number, addr),
pack AS (
	SELECT snapshot, number, first_addr, first_ns, '[' || group_concat(json) || ']' AS json FROM item
	GROUP BY snapshot, number)
SELECT snapshot, number, first_addr, first_ns, length(CAST(json AS BLOB)), CAST(json AS BLOB) FROM pack;

DELETE FROM main.owner_pack;
INSERT INTO main.owner_pack
WITH numbered AS (
	SELECT *, (row_number() OVER (PARTITION BY snapshot, kind, mapping ORDER BY stack) - 1) / 4096 AS number
	FROM temp.owner),
item AS (
	SELECT snapshot, kind, mapping, number,
		json_array(stack - coalesce(lag(stack) OVER (PARTITION BY snapshot, kind, mapping, number ORDER BY stack), 0),
			bytes, pinned_bytes, returned_bytes, coalesce(thread, 0)) AS json
	FROM numbered ORDER BY snapshot, kind, mapping, number, stack),
pack AS (
	SELECT snapshot, kind, mapping, number, '[' || group_concat(json) || ']' AS json FROM item
	GROUP BY snapshot, kind, mapping, number)
SELECT snapshot, kind, mapping, number, length(CAST(json AS BLOB)), CAST(json AS BLOB) FROM pack;

DROP TABLE temp.stack;
DROP TABLE temp.total;
DROP TABLE temp.block;
DROP TABLE temp.owner;
