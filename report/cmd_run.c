/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_run.c - memtrace run: traces a command and passes its exit status through.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/locate.h"
#include "report/memory.h"
#include "report/program.h"
#include "report/say.h"
#include "report/spawn.h"
#include "report/text.h"
#include "wire/options.h"

/* On top of exit_wait=: the collector ends the wait by itself then. */
#define SUMMARY_SLACK_S 5

struct run {
	struct mt_arena arena;
	struct mt_spawn spawn;
	struct mt_spawn_environment environment;
	char **argv;
	char path[PATH_MAX]; /* of the program */
	char *collector[8];
	uint64_t exit_wait_s;
	bool is_quiet;
};

static const char *add_pair(struct mt_arena *arena, const char *pairs,
                            const struct mt_option_pair *pair)
{
	return mt_arena_print(arena, "%s%s%.*s=%.*s", pairs, *pairs ? ":" : "",
	                      (int)pair->key_bytes, pair->key, (int)pair->value_bytes, pair->value);
}

static int check_value(const struct mt_option_row *row, enum mt_option_id id, const char *value)
{
	struct mt_option_value parsed;
	enum mt_option_error error = mt_option_parse(id, value, strlen(value), &parsed);

	if (error == MT_OPTION_OK && row->type == MT_OPTION_TEXT && strchr(value, ':') &&
	    id != MT_OPTION_ID_output)
		error = MT_OPTION_NOT_A_CHOICE;
	if (error == MT_OPTION_OK)
		return MT_EXIT_FINE;
	if (row->type == MT_OPTION_CHOICE)
		mt_say("--%s takes one of %s, not '%s'", row->key, row->unit, value);
	else if (row->type == MT_OPTION_MOMENTS)
		mt_say("--%s takes %s, not '%s'", row->key, row->unit, value);
	else if (row->type == MT_OPTION_SIZE)
		mt_say("--%s takes %llu to %llu %s, or a number with K, M or G, not '%s'", row->key,
		       (unsigned long long)row->minimum, (unsigned long long)row->maximum,
		       row->unit, value);
	else if (row->type == MT_OPTION_UINT)
		mt_say("--%s takes a whole number of %s from %llu to %llu, not '%s'", row->key,
		       row->unit, (unsigned long long)row->minimum,
		       (unsigned long long)row->maximum, value);
	else
		mt_say("--%s: '%s' may not hold a colon", row->key, value);
	return MT_EXIT_USAGE;
}

/*
 * The options: those of the environment first, so that the command line has the last word. The
 * collector gets all (it reports what is wrong in the environment's), the library those that are
 * right, without the output, which is the session's.
 */
static int take_options(struct run *run, const struct mt_call *call, const char **ret_all,
                        const char **ret_output)
{
	const char *of_environment = getenv(MT_OPTIONS_ENV);
	const char *all = of_environment ? of_environment : "";
	const char *of_library = "";
	const char *cursor = all;
	struct mt_options options;
	struct mt_option_pair pair;

	mt_options_defaults(&options);
	while (mt_option_next(&cursor, &pair))
		if (mt_option_set(&options, &pair) == MT_OPTION_OK &&
		    mt_option_find(pair.key, pair.key_bytes) != MT_OPTION_ID_output)
			of_library = add_pair(&run->arena, of_library, &pair);
	*ret_output = mt_arguments_value(call, "o");
	for (unsigned int id = 0; id < MT_OPTION_COUNT; id++) {
		const struct mt_option_row *row = &mt_option_rows[id];
		const char *value = mt_arguments_value(call, row->key);
		int status;

		if (!value)
			continue;
		status = check_value(row, (enum mt_option_id)id, value);
		if (status != MT_EXIT_FINE)
			return status;
		if (id == MT_OPTION_ID_output) {
			if (!*ret_output)
				*ret_output = value;
			continue;
		}
		pair = (struct mt_option_pair){row->key, strlen(row->key), value, strlen(value)};
		mt_option_set(&options, &pair);
		of_library = add_pair(&run->arena, of_library, &pair);
		all = add_pair(&run->arena, all, &pair);
	}
	if (*ret_output && !**ret_output) {
		mt_say("-o needs the name of a file");
		return MT_EXIT_USAGE;
	}
	run->exit_wait_s = options.values[MT_OPTION_ID_exit_wait].number;
	run->environment.options = of_library;
	*ret_all = all;
	return MT_EXIT_FINE;
}

/* The collector's arguments but for the pid, which is not known yet. */
static int prepare_collector(struct run *run, const struct mt_call *call, const char *collector)
{
	const char *options, *output;
	char folder[PATH_MAX];
	size_t count = 0;
	int status = take_options(run, call, &options, &output);

	if (status != MT_EXIT_FINE)
		return status;
	if (!getcwd(folder, sizeof(folder))) {
		const char *temporary = getenv("TMPDIR");

		/* It was removed: nothing can be written there. */
		snprintf(folder, sizeof(folder), "%s",
		         temporary && *temporary ? temporary : "/tmp");
	}
	if (output && !strchr(output, ':')) {
		const struct mt_option_pair pair = {"output", strlen("output"), output,
		                                    strlen(output)};

		options = add_pair(&run->arena, options, &pair);
		output = NULL;
	}
	run->collector[count++] = mt_arena_text(&run->arena, collector);
	run->collector[count++] = mt_arena_print(&run->arena, "--options=%s", options);
	run->collector[count++] = mt_arena_print(&run->arena, "--folder=%s", folder);
	run->collector[count++] =
	        mt_arena_print(&run->arena, "--command=%s", mt_text_base(run->argv[0]));
	/* A colon would end the value among the options. */
	if (output)
		run->collector[count++] = mt_arena_print(&run->arena, "--output=%s", output);
	return MT_EXIT_FINE;
}

static int say_cannot_run(const char *name, int error)
{
	mt_say("cannot run '%s': %s", name,
	       error == -ENOENT && !strchr(name, '/') ? "command not found" : strerror(-error));
	return error == -ENOENT ? MT_EXIT_NOT_FOUND : MT_EXIT_NOT_EXECUTABLE;
}

/* The library and the collector are there and can be named; else the reason why not. */
static const char *find_parts(struct run *run, struct mt_location *location)
{
	char why[256];

	if (mt_locate(location) < 0)
		return mt_arena_print(&run->arena,
		                      "%s or %s is not there; is memtrace installed whole?",
		                      location->library, location->collector);
	if (strpbrk(location->library, ": \t"))
		return mt_arena_print(&run->arena,
		                      "LD_PRELOAD cannot hold '%s': move memtrace to a folder "
		                      "without spaces and colons in its name",
		                      location->library);
	if (mt_program_check(run->path, why) == MT_PROGRAM_NOT_PRELOADED)
		return mt_arena_text(&run->arena, why);
	return NULL;
}

/* The session for the child's environment; NULL: it runs untraced, and it has been said why. */
static const char *start_session(struct run *run, struct mt_welcome *welcome)
{
	size_t last = 0;
	int error;

	while (run->collector[last])
		last++;
	run->collector[last] = mt_arena_print(&run->arena, "--pid=%d", (int)run->spawn.child);
	error = mt_spawn_collector(&run->spawn, run->collector, welcome);
	if (error < 0) {
		mt_say("%s runs untraced: the collector %s could not be started: %s", run->argv[0],
		       run->collector[0], strerror(-error));
		return NULL;
	}
	if (*welcome->message)
		mt_say("%s", welcome->message);
	else if (welcome->status < 0)
		mt_say("%s runs untraced: %s", run->argv[0], strerror(-welcome->status));
	if (welcome->status < 0)
		return NULL;
	return welcome->session;
}

/* The file as the person would type it from here. */
static const char *shown_file(struct mt_arena *arena, const char *path)
{
	char folder[PATH_MAX];
	size_t bytes;

	if (getcwd(folder, sizeof(folder))) {
		bytes = strlen(folder);
		if (strncmp(path, folder, bytes) == 0 && path[bytes] == '/')
			path += bytes + 1;
	}
	return mt_text_shell(arena, path);
}

static void say_never_joined(struct run *run)
{
	char why[256];

	mt_program_check(run->path, why);
	mt_say("%s was not traced: %s", run->argv[0],
	       *why ? why
	            : "it never loaded libmemtrace.so; did it end at once, or was LD_PRELOAD taken "
	              "out of its environment?");
}

static void say_summary(struct run *run, const char *session)
{
	struct mt_summary summary;
	int error = mt_spawn_summary(&run->spawn, (int)(run->exit_wait_s + SUMMARY_SLACK_S) * 1000,
	                             &summary);
	const char *file, *others = "", *dropped = "", *about;

	if (error == -ECONNRESET) {
		mt_say("the collector was killed, or told to stop: the file lacks its last second "
		       "and what followed");
		mt_spawn_forget(session);
		return;
	}
	if (error < 0) {
		mt_say("the collector did not say what it has written: %s; the file may be "
		       "incomplete",
		       strerror(-error));
		return;
	}
	if (summary.status == -ESRCH) {
		say_never_joined(run);
		return;
	}
	file = shown_file(&run->arena, summary.output);
	if (summary.status == -ENOENT) {
		if (!run->is_quiet)
			mt_say("%s was left out by follow=; %u others were recorded (memtrace info "
			       "%s)",
			       run->argv[0], summary.processes, file);
		return;
	}
	if (summary.status < 0 || *summary.message) {
		mt_say("%s: %s", file,
		       *summary.message ? summary.message : strerror(-summary.status));
		if (summary.status < 0)
			return;
	}
	if (run->is_quiet)
		return;
	if (summary.processes > 1)
		others = mt_arena_print(&run->arena, "; %u processes", summary.processes);
	if (summary.dropped_events > 0)
		dropped = mt_arena_print(
		        &run->arena, "; %s lost",
		        mt_units_of((int64_t)summary.dropped_events, "event", "events").text);
	about = summary.sample_bytes ? "≈ " : "";
	mt_say("%s%s, %s%s not freed; peak %s%s; %s%s%s%s (memtrace leaks %s)", about,
	       mt_units_of((int64_t)summary.live_blocks, "block", "blocks").text, about,
	       mt_units_bytes((int64_t)summary.live_bytes).text, about,
	       mt_units_bytes((int64_t)summary.peak_bytes).text, about,
	       mt_units_of((int64_t)summary.allocations, "allocation", "allocations").text, others,
	       dropped, file);
}

/*
 * From the fork to the child's end; the program's exit status, or what shells say when it cannot
 * start.
 */
static int trace(struct run *run, const char *untraced)
{
	struct mt_welcome welcome;
	const char *session = NULL;
	int error = mt_spawn_program(run->argv, &run->environment, &run->spawn);
	int status;

	if (error < 0) {
		mt_say("cannot start '%s': %s", run->argv[0], strerror(-error));
		return MT_EXIT_CANNOT;
	}
	if (untraced)
		mt_say("%s runs untraced: %s", run->argv[0], untraced);
	else
		session = start_session(run, &welcome);
	error = mt_spawn_go(&run->spawn, session);
	status = mt_spawn_wait(&run->spawn);
	if (error < 0)
		return say_cannot_run(run->argv[0], error);
	if (session)
		say_summary(run, session);
	if (status < 0) {
		mt_say("lost sight of '%s': %s", run->argv[0], strerror(-status));
		return MT_EXIT_CANNOT;
	}
	return WIFSIGNALED(status) ? MT_EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const struct mt_call *call)
{
	struct run run = {.is_quiet = mt_arguments_has(call, "quiet")};
	struct mt_location location;
	const char *untraced;
	char **argv = mt_memory_new((size_t)call->operand_count + 1, sizeof(*argv));
	int status, error;

	memcpy(argv, call->operands, (size_t)call->operand_count * sizeof(*argv));
	run.argv = argv;
	error = mt_program_find(argv[0], run.path);
	if (error < 0) {
		free(argv);
		return say_cannot_run(call->operands[0], error);
	}
	untraced = find_parts(&run, &location);
	run.environment.library = location.library;
	status = prepare_collector(&run, call, location.collector);
	if (status == MT_EXIT_FINE) {
		status = trace(&run, untraced);
		mt_spawn_close(&run.spawn);
	}
	mt_arena_free(&run.arena);
	free(argv);
	return status;
}

static const struct mt_flag flags[] = {
        {"", 'o', MT_FLAG_TEXT, "FILE", "the file to write; the same as --output"},
        {"quiet", 'q', MT_FLAG_NONE, NULL, "no summary line at the end"},
#define OPTION(key, type, fallback, minimum, maximum, unit, sentence) \
	{#key, 0, MT_FLAG_TEXT, unit, sentence},
#include "wire/options.def"
#undef OPTION
        MT_FLAGS_END,
};
_Static_assert(sizeof(flags) / sizeof(flags[0]) <= MT_FLAGS_MAX, "mt_call.values holds them");

const struct mt_command mt_cmd_run = {
        .name = "run",
        .usage = "[OPTION...] [--] COMMAND [ARGUMENT...]",
        .sentence = "traces a command and all that it starts, into one file",
        .prose = "The program's exit status is passed through (128 + n when signal n killed it; "
                 "126 and 127\n"
                 "as shells have them). Without -o the file is memtrace.<command>.<pid>.db in the "
                 "working\n"
                 "folder. What cannot be traced runs all the same, and a line says why.\n"
                 "See memtrace help options for the default of each option.\n",
        .flags = flags,
        .min_operands = 1,
        .max_operands = -1,
        .stops_early = true,
        .run = run,
};
