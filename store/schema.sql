-- schema.sql: the memtrace file, format 2.
--
-- One SQLite database per session. Facts stand in tables, every concept that is derived from them ("leak",
-- "site", "peak") is a view, so that a person with nothing but the sqlite3 shell gets the same answers as the
-- memtrace command. Rows are written by collect/ (through store/writer.c); symbols are added by report/.
--
-- Units: *_ns is nanoseconds, time_ns/started_ns/ended_ns since the session's origin (session.origin_utc_ns);
-- *_bytes is bytes; addresses are integers of the traced process. Sizes of a block are what the program
-- asked for, not what the allocator made of it. NULL means: not measured.
--
-- Times are exact to some milliseconds: a thread does not read the clock for each event, but at least once in 16. The
-- events of one thread, and those of one block, are in their true order all the same, and so is the fork of a process
-- among them. Between threads that do not share their blocks the order, and with it a peak, is as exact as the times;
-- but a block of 64 KiB and more is always given its own.
--
-- The file's size is bounded by the number of distinct stacks and live blocks, not by the number of events. The rows of
-- the four tables that could grow large are packed: a row of stack_pack, total_pack, block_pack or owner_pack holds many
-- of them, as an array in JSON, compressed by zlib unless raw_bytes = length(data). The views stack, total, block and owner
-- are the rows one by one. They need the function sqlar_uncompress(data, raw_bytes), which the sqlite3 shell has built
-- in, and memtrace sql needs none of it; elsewhere it is quickly made, in Python with
--	db.create_function('sqlar_uncompress', 2, lambda data, n: data if len(data) == n else zlib.decompress(data))

PRAGMA application_id = 0x4d545243; -- "MTRC"
PRAGMA user_version = 2;

-- ---------------------------------------------------------------------------------------------------------
-- The session: one row.
CREATE TABLE session (
	id              INTEGER PRIMARY KEY CHECK (id = 1),
	memtrace        TEXT NOT NULL,     -- version of memtrace that wrote the file
	origin_utc_ns   INTEGER NOT NULL,  -- wall clock at time 0, ns since 1970
	clock           TEXT NOT NULL,     -- 'tsc' or 'monotonic'
	host            TEXT NOT NULL,     -- uname: node name, kernel release, machine
	kernel          TEXT NOT NULL,
	machine         TEXT NOT NULL,
	page_bytes      INTEGER NOT NULL,
	collector_pid   INTEGER NOT NULL,
	collector_start INTEGER NOT NULL,  -- field 22 of /proc/PID/stat: with the pid it names the collector
	state           TEXT NOT NULL,     -- 'recording'; 'complete'; 'incomplete' (see note)
	options         TEXT NOT NULL,     -- key=value:key=value, all of them
	sample_bytes    INTEGER NOT NULL DEFAULT 0 -- the heap's blocks are a sample, one for this many bytes on average:
	                                   -- see the table sample; 0: all were recorded
) STRICT;

-- What was dropped, cut or could not be done, and why: nothing is lost silently.
CREATE TABLE note (
	id        INTEGER PRIMARY KEY,
	process   INTEGER REFERENCES process,  -- NULL: the session
	time_ns   INTEGER NOT NULL,
	kind      TEXT NOT NULL,               -- a short stable word: 'option', 'dropped', 'cut', 'untraced', ...
	count     INTEGER NOT NULL DEFAULT 1,
	text      TEXT NOT NULL                -- a sentence for a person
) STRICT;

-- ---------------------------------------------------------------------------------------------------------
-- Processes and threads. An image that was exec'd is a process of its own with the same pid.
--
-- Figures of a running process are those of the last commit (at most a second old). Once it has ended:
--	allocations - frees = live_blocks     where live_blocks is counted from the live table's rows
--	bytes_allocated - bytes_freed = live_bytes
-- A realloc counts as one free and one allocation, as in valgrind's "total heap usage".
CREATE TABLE process (
	id               INTEGER PRIMARY KEY,
	pid              INTEGER NOT NULL,
	parent           INTEGER REFERENCES process, -- the process it was forked from or exec'd by; NULL: not traced
	origin           TEXT NOT NULL,      -- 'start', 'fork', 'exec'
	command          TEXT NOT NULL,      -- basename of the executable
	arguments        TEXT NOT NULL,      -- the command line, quoted for a shell
	executable       TEXT NOT NULL,      -- absolute path
	started_ns       INTEGER NOT NULL,
	ended_ns         INTEGER,            -- NULL: not ended, or not known
	end_reason       TEXT,               -- 'exit', '_exit', 'quick_exit', 'signal', 'exec', 'exec-untraced', 'vanished',
	                                     -- 'oom': killed, and its control group counted a kill for want of memory
	exit_status      INTEGER,            -- NULL: not known, or killed by a signal
	exit_signal      INTEGER,
	allocations      INTEGER NOT NULL DEFAULT 0,
	frees            INTEGER NOT NULL DEFAULT 0,
	bytes_allocated  INTEGER NOT NULL DEFAULT 0,
	bytes_freed      INTEGER NOT NULL DEFAULT 0,
	live_blocks      INTEGER NOT NULL DEFAULT 0,
	live_bytes       INTEGER NOT NULL DEFAULT 0,
	peak_bytes       INTEGER NOT NULL DEFAULT 0, -- the most bytes live at once
	peak_blocks      INTEGER NOT NULL DEFAULT 0, -- blocks live at that moment
	peak_ns          INTEGER,                    -- when that was first reached
	temporary        INTEGER NOT NULL DEFAULT 0, -- freed before their thread's next allocation
	own_allocations  INTEGER NOT NULL DEFAULT 0, -- memtrace's own, in no other figure
	own_frees        INTEGER NOT NULL DEFAULT 0,
	own_bytes        INTEGER NOT NULL DEFAULT 0,
	inherited_blocks INTEGER NOT NULL DEFAULT 0, -- live at the fork, the parent's; in no other figure
	inherited_bytes  INTEGER NOT NULL DEFAULT 0,
	inherited_frees  INTEGER NOT NULL DEFAULT 0, -- of them given back here
	unmatched_frees  INTEGER NOT NULL DEFAULT 0, -- of an address that was not live: in no other figure
	dropped_events   INTEGER NOT NULL DEFAULT 0, -- not recorded; the figures above are then too low
	events           INTEGER NOT NULL DEFAULT 0, -- records read, of every kind
	stacks           INTEGER NOT NULL DEFAULT 0, -- distinct stacks
	stacks_cut       INTEGER NOT NULL DEFAULT 0, -- stacks cut for another reason than the depth limit
	unknown_frees    INTEGER NOT NULL DEFAULT 0, -- of an address that was not live, once tracing had been off: of
	                                             -- blocks allocated then, most likely; in no other figure
	late_events      INTEGER NOT NULL DEFAULT 0, -- after the orderly end, by other threads; in no other figure
	mismatched_frees INTEGER NOT NULL DEFAULT 0  -- of a block that another family allocated (new and free, and so on);
	                                             -- they are frees like others
) STRICT;

-- When tracing was off (start=off, memtrace stop). What was allocated then is in no figure; frees of blocks that
-- were known are.
CREATE TABLE pause (
	process     INTEGER NOT NULL REFERENCES process,
	started_ns  INTEGER NOT NULL,
	ended_ns    INTEGER,          -- NULL: it stayed off
	PRIMARY KEY (process, started_ns)
) STRICT, WITHOUT ROWID;

-- How the stacks of a process were walked; no row where nothing was. A walk takes frames one by one by a rule,
-- until it meets the last stack of its thread: what is unchanged of that is kept.
CREATE TABLE walk (
	process          INTEGER PRIMARY KEY REFERENCES process,
	walks            INTEGER NOT NULL,
	frames_stepped   INTEGER NOT NULL,
	frames_kept      INTEGER NOT NULL,
	walks_libunwind  INTEGER NOT NULL,  -- for what no rule could express
	walks_verified   INTEGER NOT NULL,  -- unwind=verify: compared with libunwind's
	walks_different  INTEGER NOT NULL   -- and found to differ
) STRICT;

-- The memory of memtrace's own in a process, beside its code and 64 KiB a thread.
CREATE TABLE tracing (
	process            INTEGER PRIMARY KEY REFERENCES process,
	rings              INTEGER NOT NULL,  -- that the process had to make; later threads and processes reuse them
	ring_bytes         INTEGER NOT NULL,  -- of those; shared with the collector
	stack_table_bytes  INTEGER NOT NULL   -- of the table of known stacks, what was written to
) STRICT;

CREATE TABLE thread (
	id          INTEGER PRIMARY KEY,
	process     INTEGER NOT NULL REFERENCES process,
	tid         INTEGER NOT NULL,
	name        TEXT,
	started_ns  INTEGER NOT NULL,  -- of its first event
	ended_ns    INTEGER            -- NULL: not seen to end
) STRICT;

-- Sessions of ten thousand processes are read process by process.
CREATE INDEX thread_of_process ON thread(process);
CREATE INDEX note_of_process ON note(coalesce(process, 0));

-- ---------------------------------------------------------------------------------------------------------
-- Code: modules, frames, stacks. Shared by all processes of the session.
CREATE TABLE module (
	id        INTEGER PRIMARY KEY,
	path      TEXT NOT NULL,  -- absolute where it could be told
	build_id  TEXT            -- hexadecimal; NULL: has none
) STRICT;

CREATE TABLE frame (
	id          INTEGER PRIMARY KEY,
	module      INTEGER REFERENCES module,  -- NULL: in no module (code made at run time)
	offset      INTEGER NOT NULL,           -- return address relative to the module's own addresses; without one, the address
	symbolized  TEXT                        -- NULL: not tried; 'dwarf', 'symtab', 'none', 'changed' (build id differs), 'missing'
) STRICT;

-- A tree: a stack is named by its innermost frame's node; parent is the caller's node, NULL at the outermost.
-- In the array, one element for each of the nodes number * 4096 + 1, + 2, ...: a frame alone, where the parent is the
-- node before and there is nothing more to say; else [node - parent, frame, cut], the first 0 where there is no parent;
-- null: there is no such node.
CREATE TABLE stack_pack (
	number     INTEGER PRIMARY KEY,
	raw_bytes  INTEGER NOT NULL,
	data       BLOB NOT NULL
) STRICT;

CREATE VIEW stack AS
SELECT number * 4096 + node.key + 1 AS id,
       CASE node.type WHEN 'integer' THEN number * 4096 + node.key
       ELSE number * 4096 + node.key + 1 - nullif(json_extract(node.value, '$[0]'), 0) END AS parent,
       CASE node.type WHEN 'integer' THEN node.value ELSE json_extract(node.value, '$[1]') END AS frame,
       -- on the outermost node: why the walk ended before the end; NULL: it did not
       CASE node.type WHEN 'array' THEN json_extract(node.value, '$[2]') END AS cut
FROM stack_pack, json_each(CAST(sqlar_uncompress(data, raw_bytes) AS TEXT)) AS node
WHERE node.type <> 'null';

-- What a frame stands for, innermost inlined function first (depth 0). Filled by the first report that needs
-- it, so that the file then reads the same where the binaries are not.
CREATE TABLE symbol (
	frame     INTEGER NOT NULL REFERENCES frame,
	depth     INTEGER NOT NULL,
	function  TEXT,     -- demangled
	file      TEXT,
	line      INTEGER,
	inlined   INTEGER NOT NULL,  -- 1: inlined into the next depth
	PRIMARY KEY (frame, depth)
) STRICT, WITHOUT ROWID;

-- The words of wire/event.h.
CREATE TABLE kind (
	id    INTEGER PRIMARY KEY,
	name  TEXT NOT NULL,
	heap  INTEGER NOT NULL  -- 1: its blocks are heap; 0: mappings and the break
) STRICT;

-- ---------------------------------------------------------------------------------------------------------
-- Totals: per process, stack and kind, exact.
-- Live: blocks = allocations - frees, bytes = bytes_allocated - bytes_freed. A block that another call
-- frees is charged to the stack that allocated it. For kinds that are not heap only allocations (calls)
-- and bytes_allocated (bytes mapped, or the break's growth) are kept.
-- In the array [stack, kind, allocations, bytes_allocated, temporary, peak_blocks, peak_bytes, live blocks, live bytes],
-- without zeros at the end; stack as a difference to the row before, in the first one to 0.
CREATE TABLE total_pack (
	process    INTEGER NOT NULL REFERENCES process,
	number     INTEGER NOT NULL,
	raw_bytes  INTEGER NOT NULL,
	data       BLOB NOT NULL,
	PRIMARY KEY (process, number)
) STRICT;

CREATE VIEW total AS
SELECT process, stack, kind, allocations, allocations - live_blocks AS frees, bytes_allocated,
       bytes_allocated - live_bytes AS bytes_freed,
       peak_blocks, peak_bytes, -- live at the process's peak
       temporary
FROM (SELECT process,
             sum(json_extract(item.value, '$[0]'))
                     OVER (PARTITION BY process, number ORDER BY item.key ROWS UNBOUNDED PRECEDING) AS stack,
             coalesce(json_extract(item.value, '$[1]'), 0) AS kind,
             coalesce(json_extract(item.value, '$[2]'), 0) AS allocations,
             coalesce(json_extract(item.value, '$[3]'), 0) AS bytes_allocated,
             coalesce(json_extract(item.value, '$[4]'), 0) AS temporary,
             coalesce(json_extract(item.value, '$[5]'), 0) AS peak_blocks,
             coalesce(json_extract(item.value, '$[6]'), 0) AS peak_bytes,
             coalesce(json_extract(item.value, '$[7]'), 0) AS live_blocks,
             coalesce(json_extract(item.value, '$[8]'), 0) AS live_bytes
      FROM total_pack, json_each(CAST(sqlar_uncompress(data, raw_bytes) AS TEXT)) AS item);

-- What libc's allocator took from the kernel, a row for each call stack that made it do so: the stack of the call that
-- found the last chunk of a heap too small. Address space, resident or not (table anonymous says what is). Not in it:
-- what happened before the program's first line or while tracing was off; what a forked child had from its parent, though
-- it may give that back; other allocators, whose mappings and moves
-- of the break are in total, by kinds that are not heap.
CREATE TABLE growth (
	process         INTEGER NOT NULL REFERENCES process,
	number          INTEGER NOT NULL,
	kind            TEXT NOT NULL,              -- 'break'; 'heap': of another arena; 'chunk': mapped for one block
	stack           INTEGER,                    -- NULL: memtrace's own, or not known
	calls           INTEGER NOT NULL,           -- for which the kernel was asked
	grown_bytes     INTEGER NOT NULL,
	returned_bytes  INTEGER,                    -- of them, in a forked child also of its parent's; NULL: not measured (chunks of
	                                            -- a sampled heap)
	PRIMARY KEY (process, number)
) STRICT, WITHOUT ROWID;

-- Where the heap was sampled (session.sample_bytes = M > 0), the figures of total, process, snapshot and timeline
-- are estimates; here is what they rest on, a row for each of total's heap kinds. A block of s bytes was sampled
-- with the probability p = 1 - exp(-s / M), s = 0 as if it were 1, and stands for 1/p blocks and s/p bytes. The
-- variance of a sum of x (1, or s) is the sum of (1 - p) / p^2 * x^2 over its samples; the standard error its root.
-- Samples are independent: variances of sums over several rows add up. Inherited blocks, and a block's own size
-- in table block, are not weighted.
CREATE TABLE sample (
	process                   INTEGER NOT NULL REFERENCES process,
	stack                     INTEGER NOT NULL,
	kind                      INTEGER NOT NULL REFERENCES kind,
	allocations               INTEGER NOT NULL,  -- blocks sampled
	frees                     INTEGER NOT NULL,  -- of them freed
	allocations_variance      REAL NOT NULL,     -- of total.allocations, and so on
	bytes_allocated_variance  REAL NOT NULL,
	live_blocks_variance      REAL NOT NULL,
	live_bytes_variance       REAL NOT NULL,
	peak_blocks_variance      REAL NOT NULL,
	peak_bytes_variance       REAL NOT NULL,
	temporary_variance        REAL NOT NULL,
	PRIMARY KEY (process, stack, kind)
) STRICT, WITHOUT ROWID;

-- What a sampled block of this size in table block stands for; empty where nothing was sampled.
CREATE TABLE weight (
	size_bytes       INTEGER PRIMARY KEY,
	blocks           REAL NOT NULL,
	bytes            INTEGER NOT NULL,
	blocks_variance  REAL NOT NULL,
	bytes_variance   REAL NOT NULL
) STRICT;

-- The first hundred frees of a process that were wrong. A free carries no stack, unless free_stacks=on; that of a
-- double free is known where libc marks the block as freed (small blocks of glibc's own allocator), and those of bad
-- frees after the first one. The last 32768 blocks freed are remembered.
CREATE TABLE bad_free (
	process          INTEGER NOT NULL REFERENCES process,
	number           INTEGER NOT NULL,  -- 1, 2, ... in the order of their time
	problem          TEXT NOT NULL,     -- 'double'; 'unknown': no block is known there; 'mismatched': of another family
	time_ns          INTEGER NOT NULL,
	thread           INTEGER REFERENCES thread,  -- that freed it
	addr             INTEGER NOT NULL,
	call             INTEGER NOT NULL REFERENCES kind,   -- 'free', 'delete', 'delete[]' or 'realloc'
	stack            INTEGER,                            -- of that call; NULL: not known
	allocated_by     INTEGER REFERENCES kind,            -- the block; NULL: not known
	allocated_stack  INTEGER,
	freed_stack      INTEGER,                            -- of a double free: of the free before; NULL: not known
	size_bytes       INTEGER,                            -- of a mismatched free; NULL: not known
	PRIMARY KEY (process, number)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------------------
-- Snapshots: the live table at a moment. The heap's peak is kept as totals (total.peak_bytes), not as blocks.
CREATE TABLE snapshot (
	id           INTEGER PRIMARY KEY,
	process      INTEGER NOT NULL REFERENCES process,
	reason       TEXT NOT NULL,  -- 'exit'; 'stop': the collector had to go, the process lived on. Of pages alone (table resident), with no
	                             -- rows in block but those of a stack that was asked for: 'asked', by a person; 'peak', when more
	                             -- was resident than ever before: the last of a process is kept; 'periodic': at most 128 of a
	                             -- process, then every second one is given up
	time_ns      INTEGER NOT NULL,
	live_blocks  INTEGER NOT NULL,
	live_bytes   INTEGER NOT NULL
) STRICT;

-- The blocks of a snapshot in the order of their addresses. In the array [addr, size_bytes, born_ns, stack, kind, thread]:
-- addr as a difference to the row before, in the first one to the pack's addr; born_ns to the pack's; thread, which
-- allocated it, is left out where it is NULL.
CREATE TABLE block_pack (
	snapshot   INTEGER NOT NULL REFERENCES snapshot,
	number     INTEGER NOT NULL,
	addr       INTEGER NOT NULL,
	born_ns    INTEGER NOT NULL,
	raw_bytes  INTEGER NOT NULL,
	data       BLOB NOT NULL,
	PRIMARY KEY (snapshot, number)
) STRICT;

CREATE VIEW block AS
SELECT snapshot,
       pack.addr + sum(json_extract(item.value, '$[0]'))
               OVER (PARTITION BY snapshot, number ORDER BY item.key ROWS UNBOUNDED PRECEDING) AS addr,
       json_extract(item.value, '$[1]') AS size_bytes,
       pack.born_ns + json_extract(item.value, '$[2]') AS born_ns,
       json_extract(item.value, '$[3]') AS stack,
       json_extract(item.value, '$[4]') AS kind,
       json_extract(item.value, '$[5]') AS thread,
       'unclassified' AS class
FROM block_pack AS pack, json_each(CAST(sqlar_uncompress(data, raw_bytes) AS TEXT)) AS item;

-- ---------------------------------------------------------------------------------------------------------
-- Resident memory: what the pages of a process were at a snapshot, and who owned them. No row where the snapshot was
-- of blocks alone.
--	the sum of owner.bytes = resident.resident_bytes = the sum of mapping.resident_bytes
-- and, where the process stood still, = resident.smaps_rss_bytes, mapping by mapping.
CREATE TABLE resident (
	snapshot           INTEGER PRIMARY KEY REFERENCES snapshot,
	source             TEXT NOT NULL,     -- of the pages: 'PAGEMAP_SCAN', exact; 'pagemap': zero pages may be among them
	frozen             INTEGER NOT NULL,  -- 1: the process stood still meanwhile
	stopped_ns         INTEGER NOT NULL,  -- for so long; 0: not for this, because at its end it had one thread, which waited
	tries              INTEGER NOT NULL,  -- readings until mappings and pages said the same, or it was given up
	smaps_rss_bytes    INTEGER NOT NULL,  -- what /proc/PID/smaps says is resident
	resident_bytes     INTEGER NOT NULL,  -- what the pages say
	unexplained_bytes  INTEGER NOT NULL,  -- of that: nothing is known of it
	pss_bytes          INTEGER NOT NULL,  -- with what is shared divided among those who share it
	uss_bytes          INTEGER NOT NULL,  -- nobody else's
	swap_bytes         INTEGER NOT NULL,
	hugetlb_bytes      INTEGER NOT NULL,  -- not part of what is resident, as the kernel counts
	page_table_bytes   INTEGER NOT NULL,  -- the same
	peak_rss_bytes     INTEGER NOT NULL,  -- VmHWM: the most that ever was resident
	purgeable_bytes    INTEGER NOT NULL,  -- of free, top and bloat, what goes back at least when the allocator is asked to: of libc's by
	                                      -- malloc_trim(0), of another's what is further than 28 kB from any live block
	trim_step_bytes    INTEGER NOT NULL   -- libc's malloc cuts the break's end off by so much at a time: a page, or a huge page; 0: there is no
	                                      -- break. What a stack returns can be so much less where a thread's cache keeps one of its blocks
) STRICT;

-- The mappings at a snapshot, as /proc/PID/smaps has them; NULL: this kernel does not say.
CREATE TABLE mapping (
	snapshot              INTEGER NOT NULL REFERENCES snapshot,
	start                 INTEGER NOT NULL,  -- as a signed number: [vsyscall] is negative
	end                   INTEGER NOT NULL,  -- one past the last byte
	mode                  TEXT NOT NULL,     -- 'rw-p'
	offset_bytes          INTEGER NOT NULL,
	device_major          INTEGER NOT NULL,
	device_minor          INTEGER NOT NULL,
	inode                 INTEGER NOT NULL,
	kind                  TEXT NOT NULL,     -- 'anonymous', 'heap', 'stack', 'text', 'rodata', 'data', 'bss', 'file', 'shared memory', 'device', 'kernel'
	path                  TEXT,              -- NULL: none
	owner                 TEXT,              -- the file whose bss it is or begins with; else path
	flags                 TEXT,              -- VmFlags
	resident_bytes        INTEGER NOT NULL,  -- as the pages say; rss_bytes is what smaps says
	size_bytes            INTEGER,
	kernel_page_bytes     INTEGER,
	mmu_page_bytes        INTEGER,
	rss_bytes             INTEGER,
	pss_bytes             INTEGER,
	pss_dirty_bytes       INTEGER,
	shared_clean_bytes    INTEGER,
	shared_dirty_bytes    INTEGER,
	private_clean_bytes   INTEGER,
	private_dirty_bytes   INTEGER,
	referenced_bytes      INTEGER,
	anonymous_bytes       INTEGER,
	ksm_bytes             INTEGER,
	lazy_free_bytes       INTEGER,
	anon_huge_bytes       INTEGER,
	shmem_pmd_bytes       INTEGER,
	file_pmd_bytes        INTEGER,
	shared_hugetlb_bytes  INTEGER,
	private_hugetlb_bytes INTEGER,
	swap_bytes            INTEGER,
	swap_pss_bytes        INTEGER,
	locked_bytes          INTEGER,
	thp_eligible          INTEGER,
	protection_key        INTEGER,
	PRIMARY KEY (snapshot, start)
) STRICT, WITHOUT ROWID;

-- Who owns the resident bytes of a snapshot. Kinds:
--	live         of live blocks, by the stack that allocated them; NULL: inherited, or memtrace's own
--	slack        the rest of pages with live blocks, shared out among their stacks by live bytes
--	free         an allocator's pages without a live block; stack: of the call for which the allocator took them from
--	             the kernel, see growth; NULL: not known
--	top          the same, behind the last live block of their mapping
--	bloat        the same, of huge pages in which blocks live, shared out among their stacks by live bytes
--	mmap         mapped by the program itself, by stack
--	stack        of a thread; NULL: it is not known
--	text, rodata, data, bss, file    of a file, see mapping
--	shared       shared memory that no traced call of this process has mapped
--	other        the kernel's own pages, devices
--	memtrace     the library's and the segment's
--	unexplained  nothing is known of it; in a forked child also what its parent had mapped
-- In the array [stack, bytes, pinned_bytes, returned_bytes, thread], without zeros at the end; stack is null or a
-- difference to the last row before that has one, in the first one to 0; thread is NULL where it is 0.
CREATE TABLE owner_pack (
	snapshot   INTEGER NOT NULL REFERENCES snapshot,
	kind       TEXT NOT NULL,
	mapping    INTEGER NOT NULL,  -- mapping.start: the bytes are in it
	number     INTEGER NOT NULL,
	raw_bytes  INTEGER NOT NULL,
	data       BLOB NOT NULL,
	PRIMARY KEY (snapshot, kind, mapping, number)
) STRICT;

CREATE VIEW owner AS
SELECT snapshot, kind,
       CASE WHEN json_extract(item.value, '$[0]') IS NOT NULL THEN sum(json_extract(item.value, '$[0]'))
               OVER (PARTITION BY snapshot, kind, mapping, number ORDER BY item.key ROWS UNBOUNDED PRECEDING)
       END AS stack,
       nullif(json_extract(item.value, '$[4]'), 0) AS thread,
       mapping,
       coalesce(json_extract(item.value, '$[1]'), 0) AS bytes,
       -- of 'live': pages on which no other stack has a live block, whole; huge ones, too
       coalesce(json_extract(item.value, '$[2]'), 0) AS pinned_bytes,
       -- of 'live': what could go back if this stack freed all that it has: what it pins, and the free pages above all
       -- other stacks' blocks in a heap of libc's
       coalesce(json_extract(item.value, '$[3]'), 0) AS returned_bytes
FROM owner_pack, json_each(CAST(sqlar_uncompress(data, raw_bytes) AS TEXT)) AS item;

-- Whose calls took the anonymous memory of a snapshot from the kernel: every page that is no file's and no shared
-- memory's counts once, so the sums are the process's RssAnon and VmSwap, and two snapshots subtract. Kinds:
--	break, heap, chunk  libc's allocator took it for a call of that stack, see growth
--	mapping             mapped by that stack: the program, or an allocator that is not libc's
--	stack               stacks of threads
--	file                pages of files that were written to: data, bss
--	memtrace            the library's own
--	other               taken before the program's first line, while tracing was off, or by nobody that was seen
CREATE TABLE anonymous (
	snapshot        INTEGER NOT NULL REFERENCES snapshot,
	kind            TEXT NOT NULL,
	stack           INTEGER,            -- NULL: nobody's, or not known
	resident_bytes  INTEGER NOT NULL,
	swapped_bytes   INTEGER NOT NULL
) STRICT;
CREATE INDEX anonymous_snapshot ON anonymous (snapshot);

-- The last live block of the break and of each heap of another arena: free() gives memory back from the end alone, and
-- not what lies below this block.
CREATE TABLE pin (
	snapshot     INTEGER NOT NULL REFERENCES snapshot,
	kind         TEXT NOT NULL,              -- 'break', 'heap'
	start        INTEGER NOT NULL,           -- of the break or heap
	end          INTEGER NOT NULL,           -- one past its last byte
	addr         INTEGER NOT NULL,           -- of the block
	size_bytes   INTEGER NOT NULL,
	stack        INTEGER,                    -- that allocated it; NULL: inherited, or memtrace's own
	above_bytes  INTEGER NOT NULL,           -- resident behind it, on whole pages
	PRIMARY KEY (snapshot, start)
) STRICT, WITHOUT ROWID;

-- What the machine, the process's control groups and its limits were at a snapshot of pages; memtrace system reads them.
CREATE TABLE meminfo (
	snapshot  INTEGER NOT NULL REFERENCES snapshot,
	source    TEXT NOT NULL,     -- 'meminfo': /proc/meminfo, in bytes, HugePages_* in pages; 'vmstat': counters of /proc/vmstat;
	                             -- 'pressure': /proc/pressure/memory, averages in 1/100 %, totals in microseconds;
	                             -- 'setting': /proc/sys/vm; 'zone': /proc/zoneinfo, in pages, and /proc/buddyinfo, free blocks
	                             -- of each order; 'huge pages': the choice that is in force, and the pools, in pages of their
	                             -- size; 'cgroup': limits and levels of the control group, and ("../") of those above it,
	                             -- in bytes, no limit as the largest number; 'cgroup path': the groups' names; 'cgroup stat':
	                             -- the group's memory.stat as it stands there; 'limit': the process's, and what it uses of
	                             -- each, in bytes; 'process': its VmRSS, VmSwap, oom_score, oom_score_adj
	name      TEXT NOT NULL,     -- as the kernel calls it; of 'pressure' "some avg10" and so on, of 'zone' "0 Normal low"
	value     INTEGER NOT NULL,
	PRIMARY KEY (snapshot, source, name)
) STRICT, WITHOUT ROWID;

-- The process over time: a point every timeline= milliseconds in which something changed. When a process has 4096 points,
-- every second one is given up and the time between two is doubled. NULL: /proc was not read for this point.
CREATE TABLE timeline (
	process      INTEGER NOT NULL REFERENCES process,
	time_ns      INTEGER NOT NULL,
	live_blocks  INTEGER NOT NULL,
	live_bytes   INTEGER NOT NULL,
	allocations  INTEGER NOT NULL,  -- so far
	rss_anon_bytes   INTEGER,       -- resident: anonymous memory,
	rss_file_bytes   INTEGER,       -- files,
	rss_shmem_bytes  INTEGER,       -- shared memory
	swap_bytes       INTEGER,       -- anonymous memory that was moved out
	mapped_bytes     INTEGER,       -- the address space in use: VmSize
	peak_rss_bytes   INTEGER,       -- the most that was resident so far: VmHWM
	break_bytes      INTEGER,       -- the heap that brk() moves
	minor_faults     INTEGER,       -- page faults so far, that needed no reading
	major_faults     INTEGER,       -- and that did
	PRIMARY KEY (process, time_ns)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------------------
-- Concepts.

-- A site: a stack with its totals, heap only, all kinds together. The variances are 0 where all was recorded.
CREATE VIEW site AS
SELECT total.process AS process, total.stack AS stack,
       sum(total.allocations) AS allocations,
       sum(total.frees) AS frees,
       sum(bytes_allocated) AS bytes_allocated,
       sum(bytes_freed) AS bytes_freed,
       sum(total.allocations - total.frees) AS live_blocks,
       sum(bytes_allocated - bytes_freed) AS live_bytes,
       sum(peak_blocks) AS peak_blocks,
       sum(peak_bytes) AS peak_bytes,
       sum(temporary) AS temporary,
       total(allocations_variance) AS allocations_variance,
       total(bytes_allocated_variance) AS bytes_allocated_variance,
       total(live_blocks_variance) AS live_blocks_variance,
       total(live_bytes_variance) AS live_bytes_variance,
       total(peak_blocks_variance) AS peak_blocks_variance,
       total(peak_bytes_variance) AS peak_bytes_variance,
       total(temporary_variance) AS temporary_variance
FROM total JOIN kind ON kind.id = total.kind
     LEFT JOIN sample ON sample.process = total.process AND sample.stack = total.stack
               AND sample.kind = total.kind
WHERE kind.heap
GROUP BY total.process, total.stack;

-- The variances of a process's figures, and how many blocks they rest on; no row where nothing was sampled.
CREATE VIEW process_variance AS
SELECT process,
       sum(allocations) AS samples,
       sum(allocations - frees) AS live_samples,
       total(allocations_variance) AS allocations,
       total(bytes_allocated_variance) AS bytes_allocated,
       total(live_blocks_variance) AS live_blocks,
       total(live_bytes_variance) AS live_bytes,
       total(peak_blocks_variance) AS peak_blocks,
       total(peak_bytes_variance) AS peak_bytes,
       total(temporary_variance) AS temporary
FROM sample
GROUP BY process;

-- A leak: what was not given back when the process ended, by stack and class. Of sampled blocks, what they stand
-- for; by kind first, as in total, so that rounding to whole blocks is the same.
CREATE VIEW leak AS
SELECT process, stack, class, sum(blocks) AS blocks, sum(bytes) AS bytes, min(first_ns) AS first_ns,
       max(last_ns) AS last_ns, sum(samples) AS samples, total(blocks_variance) AS blocks_variance,
       total(bytes_variance) AS bytes_variance
FROM (SELECT snapshot.process AS process, block.stack AS stack, block.class AS class,
             CAST(round(sum(coalesce(weight.blocks, 1))) AS INTEGER) AS blocks,
             sum(coalesce(weight.bytes, block.size_bytes)) AS bytes,
             min(block.born_ns) AS first_ns, max(block.born_ns) AS last_ns, count(*) AS samples,
             total(weight.blocks_variance) AS blocks_variance, total(weight.bytes_variance) AS bytes_variance
      FROM block JOIN snapshot ON snapshot.id = block.snapshot
           LEFT JOIN weight ON weight.size_bytes = block.size_bytes
      WHERE snapshot.reason = 'exit'
      GROUP BY snapshot.process, block.stack, block.class, block.kind)
GROUP BY process, stack, class;

-- Whose the resident bytes of a snapshot are, over all its mappings: a call site's, a thread's or a file's.
CREATE VIEW resident_owner AS
SELECT owner.snapshot AS snapshot, owner.kind AS kind, owner.stack AS stack, thread.tid AS tid, thread.name AS name,
       CASE WHEN owner.kind IN ('live', 'slack', 'bloat', 'mmap', 'stack') THEN NULL ELSE mapping.owner END AS file,
       sum(owner.bytes) AS bytes, sum(owner.pinned_bytes) AS pinned_bytes,
       sum(owner.returned_bytes) AS returned_bytes
FROM owner LEFT JOIN mapping ON mapping.snapshot = owner.snapshot AND mapping.start = owner.mapping
     LEFT JOIN thread ON thread.id = owner.thread
GROUP BY owner.snapshot, owner.kind, owner.stack, owner.thread, file;

-- A stack's frames with what is known of them: level 0 is the innermost frame, depth 0 its innermost
-- inlined function.
CREATE VIEW stack_frame AS
WITH RECURSIVE tree AS MATERIALIZED (SELECT * FROM stack), -- so that it is unpacked once
walk(stack, node, level) AS (
	SELECT id, id, 0 FROM tree
	UNION ALL
	SELECT walk.stack, tree.parent, walk.level + 1
	FROM walk JOIN tree ON tree.id = walk.node
	WHERE tree.parent IS NOT NULL AND walk.level < 1023 -- so that it ends, also where somebody has made a circle
)
SELECT walk.stack AS stack, walk.level AS level, symbol.depth AS depth, frame.id AS frame,
       module.path AS module, frame.offset AS offset, symbol.function AS function,
       symbol.file AS file, symbol.line AS line, symbol.inlined AS inlined
FROM walk JOIN tree ON tree.id = walk.node
     JOIN frame ON frame.id = tree.frame
     LEFT JOIN module ON module.id = frame.module
     LEFT JOIN symbol ON symbol.frame = frame.id;

-- Leaks a person can read in the sqlite3 shell: one line each, the stack innermost first.
CREATE VIEW leak_report AS
SELECT leak.process, leak.class, leak.blocks, leak.bytes,
       (SELECT group_concat(coalesce(function, module || '+' || printf('0x%x', offset), printf('0x%x', offset))
                            || coalesce(' (' || file || ':' || line || ')', ''), char(10))
        FROM (SELECT * FROM stack_frame WHERE stack_frame.stack = leak.stack ORDER BY level, depth)) AS stack
FROM leak
ORDER BY leak.bytes DESC;
