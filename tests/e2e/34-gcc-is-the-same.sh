#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# gcc compiles a file: the driver, cc1 and the assembler; the object is the same to the bit.
. "$(dirname "$0")/lib.sh"
. "$here/program.sh"
need gcc sqlite3

cat >file.c <<'END'
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int main(void)
{
	int numbers[100];
	for (int i = 0; i < 100; i++)
		numbers[i] = rand();
	qsort(numbers, 100, sizeof(int), compare);
	return printf("%d\n", numbers[0]) < 0;
}
END
# A name of its own for each run would be in the object.
cat >compile <<'END'
#!/bin/sh
gcc -O1 -frandom-seed=1 -c file.c -o file.o && cksum file.o
END
chmod +x compile
same_program "gcc -c" ./compile
is "cc1 and as are in the file" "$(query preload.db "
	SELECT count(DISTINCT command) FROM process WHERE command = 'cc1' OR command LIKE '%as'")" 2

echo 'int main(void) { return no_such_name; }' >file.c
same_program "gcc -c of a wrong file" gcc -c file.c -o file.o
finish
