/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs share: options, the connection, and how answers are shown. One file for each verb. */

#include <bgtask.h>
#include <bgtask/manage.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/macro.h"
#include "base/device-watch.h"
#include "base/file-watch.h"
#include "base/terms.h"

/* Exit status, for scripts. */
enum {
        EXIT_OK = 0,
        EXIT_ERROR = 1,
        EXIT_USAGE = 2,
        EXIT_NOT_FOUND = 3,   /* no such task, run or package */
        EXIT_NO_BROKER = 4,
        EXIT_NOT_COMPLETED = 5, /* run: it ended otherwise than completed */
        EXIT_INTERRUPTED = 130,
};

/* Of a verb, with those that all have. */
#define CLI_OPTIONS_MAX 48

typedef struct Cli {
        const char *package; /* --package, else NULL */
        bool json;
        bool system;
        bool knows_clock; /* test_clock was asked for */
        bool test_clock;
        bgt *bgt;
        const char *given[CLI_OPTIONS_MAX]; /* names of the options that were, each once */
        const char *given_last[CLI_OPTIONS_MAX]; /* their values, NULL of flags */
        size_t n_given;
} Cli;

/* The values of an option that may be repeated. */
typedef struct CliList {
        const char *items[64];
        const char *names[64]; /* of the options, where several share the list */
        size_t n;
} CliList;

/* An option of a verb: the one of the four that is set receives it. A flag that has a list too is noted in both. */
typedef struct CliOption {
        const char *name;
        bool *flag;
        const char **value;
        uint64_t *duration_usec;
        CliList *list;
} CliOption;

typedef struct Verb {
        const char *name;
        const char *summary; /* one line of the overview */
        const char *help;    /* usage, options and examples */
        int (*run)(Cli *cli, const struct Verb *verb, int argc, char *argv[]);
} Verb;

extern const Verb verb_add;
extern const Verb verb_cancel;
extern const Verb verb_complete;
extern const Verb verb_doctor;
extern const Verb verb_edit;
extern const Verb verb_export;
extern const Verb verb_history;
extern const Verb verb_import;
extern const Verb verb_import_environment;
extern const Verb verb_install;
extern const Verb verb_journal;
extern const Verb verb_lint;
extern const Verb verb_list;
extern const Verb verb_log;
extern const Verb verb_next;
extern const Verb verb_packages;
extern const Verb verb_pause;
extern const Verb verb_plan;
extern const Verb verb_progress;
extern const Verb verb_raise;
extern const Verb verb_register;
extern const Verb verb_remove;
extern const Verb verb_replay;
extern const Verb verb_request;
extern const Verb verb_resume;
extern const Verb verb_rm;
extern const Verb verb_run;
extern const Verb verb_sensors;
extern const Verb verb_show;
extern const Verb verb_shutdown;
extern const Verb verb_simulate;
extern const Verb verb_skip;
extern const Verb verb_status;
extern const Verb verb_unregister;
extern const Verb verb_watch;
extern const Verb verb_why;
extern const Verb verb_wine;

/*
 * Reads the options of a verb, those that all have (--json, --package, --system, --help) and its own. Returns the
 * index of the first argument, or a negative number if the verb is to return -(that + 1): help was shown, or usage is
 * wrong.
 */
int cli_parse(Cli *cli, const Verb *verb, int argc, char *argv[], const CliOption *options, size_t n_options);
#define CLI_RETURN(r) (-(r) - 1)
/* The same for a verb without arguments: one that is there is wrong usage. */
int cli_parse_alone(Cli *cli, const Verb *verb, int argc, char *argv[], const CliOption *options, size_t n_options);
/* Whether they have seen this option; and whether with a value that is more than "0" or nothing, which takes back. */
bool cli_is_given(const Cli *cli, const char *option);
bool cli_is_given_something(const Cli *cli, const char *option);
/* Says what is wrong with the command line and returns EXIT_USAGE. */
int cli_usage(const Verb *verb, const char *format, ...) _printf_(2, 3);

/*
 * Values of options. Each returns EXIT_OK, or says what is wrong and what would be right and returns EXIT_USAGE. what
 * is counted, with an example: "minutes, as 15".
 */
/* An option's name without its dashes. EXIT_OK, or says what is wrong. */
int cli_parse_duration(const Verb *verb, const char *option, const char *text, uint64_t *ret_usec);
int cli_parse_number(const Verb *verb, const char *option, const char *what, const char *text, uint32_t *ret);
/* The number of a term; that of otherwise if text is NULL. */
int cli_parse_term(const Verb *verb, const char *option, TermList list, const char *text, int otherwise, int *ret);
/* Adds KEY=TEXT or KEY:=JSON. EXIT_OK, or says what is wrong and returns the exit status. */
int cli_read_argument(const Verb *verb, const char *text, bgt_record *arguments);
/*
 * The list of --devices as matches, behind the last of them NULL; a word without "=" is a subsystem. At most one more
 * than a trigger has. -ENOMEM.
 */
int cli_split_matches(const char *list, char *ret_matches[static DEVICE_WATCH_MATCHES_MAX + 2]);
/*
 * The list of --files as absolute paths, behind the last of them NULL; those that do not begin with '/' are of the
 * current folder. At most one more than a trigger has. EXIT_OK, or says what is wrong and returns the exit status.
 */
int cli_split_paths(const char *list, char *ret_paths[static FILE_WATCH_PATHS_MAX + 2]);
/* What one of the two above has made. */
void cli_free_texts(char *texts[]);
/* What --on names: a TRIGGER_x without properties; or TRIGGER_SYSTEM, and the SYSTEM_x, which else is 0. */
int cli_parse_event(const Verb *verb, const char *event, int *ret_kind, int *ret_type);
/* The i-th name that it may be, NULL past the last. */
const char *cli_event_at(size_t i, const void *unused);

/* The prefix of Wine that this names, else WINEPREFIX, else the default: absolute, to be freed. NULL: no memory. */
char *cli_wine_prefix(const char *argument);
/* The name or the number of a REASON_x. */
int cli_parse_reason(const Verb *verb, const char *text, int otherwise, int *ret);
int cli_unknown_term(const Verb *verb, const char *option, TermList list, const char *text);
/* Says what an option may be, with the one that may have been meant: the choices that at() counts up. EXIT_USAGE. */
int cli_unknown_choice(const Verb *verb, const char *option, const char *text,
                       const char *(*at)(size_t i, const void *userdata), const void *userdata);

/* The verbs, in the order of the overview; NULL: there is none of that name or index. */
const Verb *cli_verb(const char *name);
const Verb *cli_verb_at(size_t i);
/* here.c: returns only if it fails. debugger: its words, which end with NULL. */
int cli_run_here(Cli *cli, const bgt_record *task, char *const *debugger);
/* What pause and resume share. */
int cli_pause(Cli *cli, const Verb *verb, int argc, char *argv[], bool paused);

/* Connects. Returns EXIT_OK, or says what is wrong and returns the exit status. */
int cli_connect(Cli *cli, unsigned flags);
/* Says the last error of the library with its remedy, and returns the exit status that fits. */
int cli_complain(void);
/*
 * The end of a verb that shows a list: r is what asking for it gave. Prints it, as JSON or with print(), which returns
 * what bgt_list_next() did, and frees it. Returns the exit status.
 */
int cli_show_list(Cli *cli, int r, bgt_list *list, int (*print)(Cli *cli, bgt_list *list));
/* The whole of a verb without arguments that shows what ask() lists. Returns the exit status. */
int cli_run_list(Cli *cli, const Verb *verb, int argc, char *argv[], int (*ask)(bgt *b, bgt_list **ret_list),
                 int (*print)(Cli *cli, bgt_list *list));
int cli_out_of_memory(void);

/* find.c: each returns EXIT_OK, or says what is wrong, with the name that may have been meant, and the exit status. */
/* The task of this id or name, in --package or in all. */
int cli_find_task(Cli *cli, const char *name, bgt_record **ret_task);
/*
 * For verbs of one task: reads the options, connects, and finds the task that is the only argument. *ret_task is NULL
 * if the verb is to return the exit status: something was wrong, or help was shown.
 */
int cli_one_task(Cli *cli, const Verb *verb, int argc, char *argv[], const CliOption *options, size_t n_options,
                 bgt_record **ret_task);
/* The package of --package; without it the only one that is installed. */
int cli_find_package(Cli *cli, bgt_record **ret_package);
/* Says the last error, which was about the package of this name. */
int cli_complain_package(Cli *cli, const char *name);

/* Says on standard error if nothing starts the broker when it is needed. For verbs that registered something. */
void cli_warn_about_start(Cli *cli);

/* The time of day as the broker sees it. */
uint64_t cli_now(Cli *cli);

/* text.c */
/* Local time to the second; with the milliseconds if they are wanted. */
char *format_time(uint64_t real_usec, bool fraction, char *buf, size_t size);
/* "in 14 min", "3 h ago". */
char *format_relative(uint64_t real_usec, uint64_t now_real_usec, char *buf, size_t size);
/* "TimeTrigger 15 min", "interval 1 h", "SystemTrigger InternetAvailable" … */
char *format_trigger(const bgt_record *trigger, char *buf, size_t size);
/* All of a task's row, with "or" between them. */
char *format_triggers(const bgt_record *row, char *buf, size_t size);

/* terminal.c: what is different when a person looks. */
/* Writes text that a server or a manifest chose: what a terminal obeys becomes '?' if standard output is one. */
void print_untrusted(const char *text);
/* Standard output is a terminal that shows colors, and NO_COLOR is not set. */
bool use_color(void);
/* Columns of the terminal; SIZE_MAX if standard output is none. */
size_t terminal_width(void);
size_t text_width(const char *text);
/* Prints as much of the text as fits into so many columns, and returns how many it took. */
size_t print_cut(const char *text, size_t width);
typedef enum Color {
        COLOR_NONE,
        COLOR_GOOD,
        COLOR_WARN,
        COLOR_BAD,
        COLOR_HEADING,
} Color;
Color color_of_outcome(const char *outcome);
/* What to write before and after text of this color; "" where none is shown. */
const char *color_begin(Color color);
const char *color_end(Color color);
/* As print_untrusted(), in a color on a terminal. */
void print_colored(const char *text, Color color);

/*
 * table.c: columns as wide as they need; on a terminal the widest ones are cut until the table fits. A heading that
 * starts with '!' (which is not shown) is that of a column that is never cut: one cannot go on with half an id.
 */
typedef struct Table Table;
Table *table_new(const char *const *headings, size_t n_columns);
void table_add(Table *table, const char *const *cells);
/* Colors a cell of the last row, on a terminal. */
void table_color(Table *table, size_t column, Color color);
/* Prints and frees. Of an empty table only the sentence, unless it is NULL. */
void table_print(Table *table, const char *empty);

/* json.c: records as the library has them, one to one. */
void json_print_record(const bgt_record *record);
/* Without line breaks inside, for streams. */
void json_print_line(const bgt_record *record);
/* {"event": event, "record": record} in one line; record NULL: null. */
void json_print_event(const char *event, const bgt_record *record);
/* {"key": "value"} */
void json_print_pair(const char *key, const char *value);
/* Prints a whole list as an array. Negative errno if it breaks off. */
int json_print_list(bgt_list *list);

/* progress.c: a bar on a terminal, a line for each change elsewhere. */
typedef struct ProgressBar {
        bool shown;
        uint32_t last;
} ProgressBar;
void progress_show(ProgressBar *bar, const char *name, uint32_t value);
void progress_clear(ProgressBar *bar);

/* events.c: waiting for the broker without a thread. */
/*
 * From now on Ctrl-C and SIGTERM are noticed by events_wait() and kill nobody. EXIT_OK, or says what is wrong and
 * returns the exit status.
 */
int events_catch_signals(void);
/*
 * Waits for something to arrive on the connection and handles it. 0; -EINTR: Ctrl-C or SIGTERM; -EPIPE: nobody reads
 * the output any more; another negative errno, of which the library has the error.
 */
int events_wait(Cli *cli);
/* The exit status that fits the signal which was caught. */
int events_status(void);
