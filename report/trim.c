/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trim.c - see trim.h.
 */
#include "report/trim.h"

#include <string.h>

#include "report/text.h"

static const char *const allocators[] = {
        "malloc",
        "calloc",
        "realloc",
        "reallocarray",
        "memalign",
        "posix_memalign",
        "aligned_alloc",
        "valloc",
        "pvalloc",
        "operator new",
        "operator new[]",
        "__rust_alloc",
        "__rust_alloc_zeroed",
        "__rust_realloc",
        "__rdl_alloc",
        "__rdl_alloc_zeroed",
        "__rdl_realloc",
        "alloc::alloc::alloc",
        "alloc::alloc::alloc_zeroed",
        "alloc::alloc::realloc",
        "alloc::alloc::exchange_malloc",
        "alloc::alloc::Global::alloc_impl",
};

/* The last part of names in std:: and __gnu_cxx::, of libstdc++ and of libc++. */
static const char *const library_allocators[] = {
        "allocate",
        "_M_allocate",
        "_M_allocate_node",
        "_M_allocate_node_ptr",
        "_M_get_node",
        "_M_create_node",
        "_M_allocate_buckets",
        "_M_allocate_map",
        "_M_create",
        "_M_create_storage",
        "_S_allocate",
        "__libcpp_allocate",
        "__libcpp_operator_new",
        "__allocate_at_least",
        "allocate_at_least",
        "__allocate_guarded",
};

/* What runs before main and around a thread's function. */
static const char *const starters[] = {"__libc_start_main", "__libc_start_main_impl",
                                       "__libc_start_call_main", "start_thread"};
static const char *const first_callers[] = {"_start",   "clone",         "clone3",      "__clone",
                                            "__clone3", "__GI___clone3", "__GI___clone"};

#define IN(list, word, bytes) is_in(list, sizeof(list) / sizeof((list)[0]), word, bytes)

static bool is_in(const char *const *list, size_t count, const char *word, size_t bytes)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == bytes && strncmp(list[i], word, bytes) == 0)
			return true;
	return false;
}

/*
 * Where the last part of a qualified name starts, and how long the name is without parameters:
 * "std::_Vector_base<int, std::allocator<int> >::_M_allocate(unsigned long)" -> "_M_allocate".
 */
static const char *last_part(const char *name, size_t *ret_name_bytes)
{
	const char *part = name;
	const char *at;
	unsigned int depth = 0;

	for (at = name; *at; at++) {
		if (depth == 0 && *at == '(')
			break;
		if (*at == '<' || *at == '(' || *at == '{')
			depth++;
		else if ((*at == '>' || *at == ')' || *at == '}') && depth > 0)
			depth--;
		else if (depth == 0 && at[0] == ':' && at[1] == ':')
			part = at + 2;
	}
	*ret_name_bytes = (size_t)(at - name);
	return part;
}

bool mt_trim_is_allocation(const char *function)
{
	size_t bytes, part_bytes;
	const char *part = last_part(function, &bytes);

	if (strncmp(function, "__libc_", 7) == 0)
		return IN(allocators, function + 7, bytes - 7);
	if (IN(allocators, function, bytes))
		return true;
	if (strstr(function, "alloc::alloc::Global as core::alloc::Allocator"))
		return true;
	if (strncmp(function, "std::", 5) != 0 && strncmp(function, "__gnu_cxx::", 11) != 0)
		return false;
	part_bytes = strcspn(part, "<(");
	return IN(library_allocators, part, part_bytes);
}

static bool is_own(const struct mt_line *line)
{
	return line->frame->module &&
	       strncmp(mt_text_base(line->frame->module), "libmemtrace.so", 14) == 0;
}

static const char *function_of(const struct mt_line *line)
{
	return line->symbol ? line->symbol->function : NULL;
}

struct mt_trim mt_trim_own(const struct mt_stack *stack)
{
	struct mt_trim trim = {stack->lines, stack->line_count};

	while (trim.count > 1 && is_own(trim.lines)) {
		trim.lines++;
		trim.count--;
	}
	return trim;
}

struct mt_trim mt_trim_all(const struct mt_stack *stack)
{
	struct mt_trim trim = mt_trim_own(stack);
	const char *function;

	while (trim.count > 1 && (is_own(trim.lines) || ((function = function_of(trim.lines)) &&
	                                                 mt_trim_is_allocation(function)))) {
		trim.lines++;
		trim.count--;
	}
	for (size_t i = trim.count; i > 0; i--) {
		function = function_of(&trim.lines[i - 1]);
		if (function && strcmp(function, "main") == 0) {
			trim.count = i;
			return trim;
		}
	}
	/* A stripped program's main has no name, but libc's start-up code may have one. */
	for (size_t i = 1; i < trim.count; i++) {
		function = function_of(&trim.lines[i]);
		if (function && IN(starters, function, strlen(function))) {
			trim.count = i;
			return trim;
		}
	}
	while (trim.count > 1 && (function = function_of(&trim.lines[trim.count - 1])) &&
	       IN(first_callers, function, strlen(function)))
		trim.count--;
	return trim;
}
