# SPDX-License-Identifier: LGPL-2.1-or-later
#
# file-format.awk - makes doc/file-format.md from store/schema.sql: `make file-format` in the build folder.
#
# Comments become prose, tables become tables of their columns, views stand as they are. A comment of more
# than one line in front of a table or view belongs to it; what is indented by a tab in it is shown as it is.

function flush_prose(    i)
{
	for (i = 1; i <= prose_lines; i++)
		print prose[i]
	if (prose_lines)
		print ""
	prose_lines = 0
}

function cell(text)
{
	gsub(/\|/, "\\|", text)
	gsub(/</, "\\&lt;", text)
	return text
}

function trim(text)
{
	gsub(/^[ \t]+|[ \t]+$/, "", text)
	return text
}

BEGIN {
	print "<!-- Made from store/schema.sql by doc/file-format.awk: change that, and run `make file-format`. -->"
	print "# The memtrace file"
	print ""
}

/^-- ---/ { flush_prose(); after_rule = 1; next }

!in_table && !in_view && /^--/ {
	line = substr($0, 3)
	sub(/^ /, "", line)
	if (line ~ /^\t/)
		line = "   " line
	# The line in front of an indented part ends a paragraph.
	if (line ~ /^   \t/ && prose_lines && prose[prose_lines] !~ /^   \t/ && prose[prose_lines] != "")
		prose[++prose_lines] = ""
	else if (line !~ /^   \t/ && prose_lines && prose[prose_lines] ~ /^   \t/)
		prose[++prose_lines] = ""
	if (line !~ /^   \t/)
		gsub(/\*/, "\\*", line)
	prose[++prose_lines] = line
	next
}

# One line on its own below a rule names a part.
/^$/ && after_rule && prose_lines == 1 {
	sub(/\.$/, "", prose[1])
	print "## " prose[1]
	print ""
	prose_lines = after_rule = 0
	next
}

/^PRAGMA/ {
	flush_prose()
	sub(/^PRAGMA /, "")
	note = $0
	sub(/;.*/, "")
	sub(/[^;]*; *(-- *)?/, "", note)
	print "- `" trim($0) "`" (note == "" ? "" : ", " note)
	pragmas = 1
	next
}

/^CREATE TABLE/ {
	after_rule = 0
	if (pragmas)
		print ""
	pragmas = 0
	print "## Table " $3
	print ""
	flush_prose()
	print "| column | type | |"
	print "|---|---|---|"
	in_table = 1
	next
}

in_table && /^\)/ {
	print ""
	if (keys != "")
		print keys
	keys = ""
	in_table = 0
	next
}

in_table {
	line = trim($0)
	if (line ~ /^(PRIMARY KEY|UNIQUE|FOREIGN|CHECK)/) {
		sub(/ *--.*/, "", line)
		sub(/,$/, "", line)
		keys = keys line ".\n"
		next
	}
	note = ""
	if (match(line, / *-- */)) {
		note = substr(line, RSTART + RLENGTH)
		line = substr(line, 1, RSTART - 1)
	}
	if (line == "")
		next
	sub(/,$/, "", line)
	name = line
	sub(/ .*/, "", name)
	sub(/^[^ ]+ +/, "", line)
	print "| `" name "` | " cell(line) " | " cell(note) " |"
	next
}

/^CREATE VIEW/ {
	after_rule = 0
	print "## View " $3
	print ""
	flush_prose()
	print "```sql"
	print
	in_view = 1
	next
}

in_view {
	print
	if (/;[ \t]*$/) {
		print "```"
		print ""
		in_view = 0
	}
	next
}

/^$/ { if (!pragmas) flush_prose(); next }

{ flush_prose(); print "```sql"; print; print "```"; print "" }

END { flush_prose() }
