-- Rows for tests/e2e/52-…: a session of three processes, every figure of which is known.
--
-- app (pid 100) leaks 6 blocks of 2355 bytes at three sites; worker (101), its forked child, was killed and lost 5
-- events; app (102) is what the worker had become by exec.
INSERT INTO session VALUES (1, '0.1.0', 1600000000000000000, 'tsc', 'box', '6.1.0', 'x86_64', 4096, 1, 1, 'complete',
	'depth=128', 0);
INSERT INTO kind VALUES (1, 'malloc', 1), (2, 'calloc', 1), (7, 'mmap', 0);
INSERT INTO process (id, pid, parent, origin, command, arguments, executable, started_ns, ended_ns, end_reason,
	exit_status, exit_signal, allocations, frees, bytes_allocated, bytes_freed, live_blocks, live_bytes, peak_bytes,
	peak_blocks, peak_ns, temporary, own_allocations, own_frees, own_bytes, inherited_blocks, inherited_bytes,
	inherited_frees, unmatched_frees, dropped_events, events, stacks, stacks_cut, late_events)
VALUES
	(1, 100, NULL, 'start', 'app', './app ''a b''', '/nowhere/bin/app', 0, 2500000000, 'exit', 0, NULL,
	 16, 10, 12355, 10000, 6, 2355, 8000, 9, 1000000, 4, 13, 1, 5600, 0, 0, 0, 0, 0, 30, 4, 1, 0),
	(2, 101, 1, 'fork', 'worker', 'worker', '/nowhere/bin/worker', 1000000000, 1500000000, 'signal', NULL, 11,
	 3, 3, 90, 90, 0, 0, 30, 1, NULL, 0, 0, 0, 0, 7, 700, 2, 1, 5, 9, 0, 0, 0),
	(3, 102, 2, 'exec', 'app', 'app', '/nowhere/bin/app', 1100000000, 1200000000, 'exec', NULL, NULL,
	 1, 0, 64, 0, 1, 64, 64, 1, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0);
-- 136 of 160 frames were kept, and 24 stepped in 16 walks.
INSERT INTO walk VALUES (1, 16, 24, 136, 1, 0, 0);
INSERT INTO tracing VALUES (1, 2, 327680, 65536);
INSERT INTO thread VALUES (1, 1, 100, 'app', 0, NULL), (2, 1, 105, NULL, 5, 6);
INSERT INTO note VALUES (1, NULL, 0, 'option', 1, 'option ''dept'': there is no such option'),
	(2, 1, 5, 'cut', 2, 'a stack was cut');

INSERT INTO module VALUES (1, '/nowhere/bin/app', 'aa'), (2, '/nowhere/lib/libc.so.6', 'bb'),
	(3, '/nowhere/lib/libmemtrace.so', 'cc');
INSERT INTO frame VALUES (1, 1, 4352, 'dwarf'), (2, 1, 4608, 'dwarf'), (3, 2, 8192, 'symtab'),
	(4, 3, 4096, 'dwarf'), (5, 1, 4864, 'missing'), (6, 1, 5120, 'dwarf'), (7, NULL, 139637976727552, 'none'),
	(8, 1, 4700, 'dwarf');
INSERT INTO symbol VALUES
	(1, 0, 'read_line', '/nowhere/src/input.c', 10, 1),
	(1, 1, 'load', '/nowhere/src/input.c', 40, 0),
	(2, 0, 'main', '/nowhere/src/main.c', 5, 0),
	(3, 0, '__libc_start_call_main', NULL, NULL, 0),
	(4, 0, 'malloc', '/nowhere/hooks.c', 1, 0),
	(6, 0, 'build(int)', '/nowhere/./src/../src/build.c', 7, 0),
	(8, 0, 'main', '/nowhere/src/main.c', 9, 0);
-- 4: malloc < load < main:5    5: build < main:9    6: cut, unnamed    7: code in no module < main:5
INSERT INTO stack VALUES (1, NULL, 3, NULL), (2, 1, 2, NULL), (3, 2, 1, NULL), (4, 3, 4, NULL),
	(8, 1, 8, NULL), (5, 8, 6, NULL), (6, NULL, 5, 'unwinder'), (7, 2, 7, NULL);

INSERT INTO total VALUES
	(1, 4, 1, 2, 0, 2048, 0, 2, 2048, 0),
	(1, 5, 1, 3, 1, 400, 200, 4, 500, 1),
	(1, 5, 2, 1, 0, 100, 0, 1, 100, 0),
	(1, 6, 1, 1, 0, 7, 0, 1, 7, 0),
	(1, 7, 1, 9, 9, 9800, 9800, 1, 5345, 3),
	(1, 7, 7, 1, 0, 4096, 0, 0, 0, 0),
	(2, 2, 1, 3, 3, 90, 90, 1, 30, 0),
	(3, 2, 1, 1, 0, 64, 0, 1, 64, 0);

INSERT INTO snapshot VALUES (1, 1, 'exit', 2500000000, 6, 2355), (2, 2, 'exit', 1500000000, 0, 0),
	(3, 3, 'exit', 1200000000, 1, 64);
INSERT INTO block (snapshot, addr, size_bytes, born_ns, stack, kind) VALUES
	(1, 16384, 1000, 10, 4, 1), (1, 20480, 1048, 20, 4, 1),
	(1, 24576, 100, 30, 5, 1), (1, 24832, 100, 40, 5, 1), (1, 25088, 100, 50, 5, 2),
	(1, 28672, 7, 60, 6, 1), (3, 16384, 64, 1150000000, 2, 1);

-- app freed a block twice, the second time in load, and deleted two that malloc had made.
INSERT INTO kind VALUES (12, 'free', 0), (13, 'delete', 0);
INSERT INTO bad_free VALUES (1, 1, 'mismatched', 70, 1, 32768, 13, NULL, 1, 5, NULL, 48),
	(1, 2, 'double', 80, 1, 36864, 12, 3, 1, 5, NULL, NULL), (1, 3, 'mismatched', 90, 1, 40960, 13, NULL, 1, 5, NULL, 16);
UPDATE process SET mismatched_frees = 2 WHERE id = 1;
