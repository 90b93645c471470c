/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * AppxManifest.xml → package. What a manifest declares, as plain data, and every rule that it breaks, as a list.
 *
 * A Manifest exists only if nothing refuses it; the list of problems exists either way, so that a linter shows all of
 * it. Nothing here is global, so manifests may be read on any thread. docs/manifest.md says what is read and what is
 * ignored.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macro.h"
#include "base/uuid.h"
#include "manifest/family.h"

#define MANIFEST_SIZE_MAX (1024 * 1024)
#define MANIFEST_APPLICATIONS_MAX 100
#define MANIFEST_SERVERS_MAX 1000
#define MANIFEST_CLASSES_MAX 10000
#define MANIFEST_ARGUMENTS_MAX 4096 /* arguments of one command line */
#define MANIFEST_ARGUMENTS_LENGTH_MAX 32767 /* UTF-16 units of one command line, as on Windows */
#define MANIFEST_PROBLEMS_MAX 100   /* kept per severity; the rest is only counted */

/* A class that bgtask can activate: an ExeServer declares it. */
typedef struct ManifestClass {
        Uuid clsid;
        char *display_name; /* NULL if none is given */
        unsigned line;
} ManifestClass;

typedef struct ManifestServer {
        char *executable;     /* as written, $targetnametoken$ replaced */
        char *path;           /* absolute path of the file; NULL from manifest_parse() */
        char *arguments;      /* as written, "" if none; see manifest_split_arguments() */
        char *display_name;   /* NULL if none is given */
        char *application_id; /* of the Application around it; NULL if it has no valid one, or there is none */
        ManifestClass *classes;
        size_t n_classes;
        unsigned line;
        bool is_pe; /* begins with "MZ": a Windows program, which binfmt_misc or Wine must start */
} ManifestServer;

/* A class that the package declares, but that no ExeServer serves, so that activating it is refused by name. */
typedef struct ManifestForeignClass {
        Uuid clsid;
        const char *kind;   /* static: the element, such as "SurrogateServer"; "Class" if no server refers to it */
        char *display_name; /* NULL if none is given */
        unsigned line;
} ManifestForeignClass;

typedef struct ManifestCapability {
        char *name;
        bool restricted; /* stands in the restrictedcapabilities namespace */
} ManifestCapability;

/* Strings are valid UTF-8 and owned by the Manifest. */
typedef struct Manifest {
        char *folder; /* absolute path of the package folder; NULL from manifest_parse() */
        char *file;   /* name of the manifest in it */
        char *root;   /* where executables are looked up: the folder or the external location; as folder */

        char *name;
        char *publisher;
        char *version;
        uint16_t version_numbers[4];
        char *architecture; /* "neutral" if none is given */
        char *resource_id;  /* "" if none is given */
        char publisher_id[PUBLISHER_ID_SIZE];
        char *family_name;
        char *full_name;
        char *display_name; /* of Properties; the package's name if none is given */

        char **application_ids;
        size_t n_application_ids;
        ManifestCapability *capabilities;
        size_t n_capabilities;
        bool run_full_trust;
        bool allow_external_content;

        ManifestServer *servers; /* in the file's order */
        size_t n_servers;
        ManifestForeignClass *foreign_classes;
        size_t n_foreign_classes;
} Manifest;

/* All zero is the usual case: files are checked. */
typedef struct ManifestOptions {
        const char *target_name;       /* replaces $targetnametoken$; NULL derives it where only one can be meant */
        const char *external_location; /* where executables are, absolute; needs uap10:AllowExternalContent;
                                        * NULL: what the file external-location beside the manifest says, if any */
        bool skip_files;               /* do not look for executables: path is the executable as written, below root */
} ManifestOptions;

typedef enum ManifestSeverity {
        MANIFEST_ERROR,   /* refuses the package */
        MANIFEST_WARNING, /* the package works; this is probably not what was meant */
        MANIFEST_WINDOWS, /* fine here, but Windows would refuse it */
        _MANIFEST_SEVERITY_MAX,
} ManifestSeverity;

typedef struct ManifestProblem {
        ManifestSeverity severity;
        Error error;        /* ERROR_NONE unless severity is MANIFEST_ERROR */
        const char *rule;   /* static, stable: "identity-name" */
        const char *where;  /* static: "Identity/@Name" */
        const char *remedy; /* static */
        char *value;        /* what is wrong, printable and shortened; NULL if there is nothing to show */
        char *sentence;
        unsigned line;      /* 0 if it concerns the whole file or folder */
} ManifestProblem;

/* Zero-initialised is empty, and without what only Windows refuses. */
typedef struct ManifestProblems {
        bool windows; /* set by the caller beforehand: keep also what only Windows refuses */
        char *file; /* path that the lines belong to; may be NULL */
        ManifestProblem *items;
        size_t n_items;
        size_t n_found[_MANIFEST_SEVERITY_MAX]; /* counts also those that are not kept */
        Error first_error;                      /* of the first MANIFEST_ERROR */
        bool out_of_memory;
} ManifestProblems;

/*
 * Reads a manifest from memory and checks all that needs no files. size may be anything; more than MANIFEST_SIZE_MAX
 * is refused. options may be NULL. problems must be empty and is filled in any case. Returns the Manifest to be freed
 * with manifest_free(), or a negative errno: that of problems->first_error (mostly -EBADMSG), or -ENOMEM.
 */
int manifest_parse(const void *data, size_t size, const ManifestOptions *options, Manifest **ret_manifest,
                   ManifestProblems *problems);

/*
 * Finds the manifest of a package folder (AppxManifest.xml in any case, else Package.appxmanifest, else the only
 * *.appxmanifest), reads it as manifest_parse() does, and finds and checks the executables of its servers. A relative
 * folder is resolved against the current directory; an absolute one is kept as given, so that a link to the current
 * version of a package keeps working. Errors as above, and in problems->first_error: ERROR_NO_MANIFEST,
 * ERROR_INVALID_MANIFEST, ERROR_NO_EXECUTABLE, ERROR_NOT_EXECUTABLE, ERROR_ACCESS_DENIED.
 */
int manifest_load(const char *folder, const ManifestOptions *options, Manifest **ret_manifest,
                  ManifestProblems *problems);

/*
 * Checks a package folder as manifest_load() does, or a single file, whose executables are then not looked for. What
 * is wrong is in problems. 0, or -ENOMEM.
 */
int manifest_lint(const char *path, const ManifestOptions *options, ManifestProblems *problems);

/* Takes NULL. Returns NULL. */
Manifest *manifest_free(Manifest *manifest);
DEFINE_CLEANUP(Manifest *, manifest_free);

/* The class and, if ret_server is not NULL, its server; NULL if no ExeServer declares it. */
const ManifestClass *manifest_find_class(const Manifest *manifest, Uuid clsid, const ManifestServer **ret_server);
const ManifestForeignClass *manifest_find_foreign_class(const Manifest *manifest, Uuid clsid);

/* Empties the list. */
void manifest_problems_done(ManifestProblems *problems);

/*
 * One problem as text of one line: FILE:LINE: SEVERITY: SENTENCE: WHERE "VALUE" (REMEDY) [RULE], the remedy only if
 * it is wanted. To be freed with free(). -ENOMEM.
 */
int manifest_problem_format(const ManifestProblems *problems, const ManifestProblem *problem, bool with_remedy,
                            char **ret_text);

/* "error", "warning" or "windows". */
const char *manifest_severity_to_string(ManifestSeverity severity);

/*
 * Splits a command line without program name as CommandLineToArgvW does: spaces and tabs separate, quotes group,
 * backslashes escape only before a quote. ret_argv is NULL-terminated and one block of memory for free().
 * Returns the number of arguments, -E2BIG for more than MANIFEST_ARGUMENTS_MAX of them or a line of more than
 * MANIFEST_ARGUMENTS_LENGTH_MAX units, -ENOMEM.
 */
int manifest_split_arguments(const char *arguments, char ***ret_argv);
