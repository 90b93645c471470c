/* SPDX-License-Identifier: MIT */

/* Any bytes as a manifest. What is accepted must hold together; what is refused must say why. */

#include <stdlib.h>

#include "manifest/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the fuzzer where an assertion would be compiled out. */
static void require(bool condition)
{
        if (!condition)
                abort();
}

static void check_manifest(const Manifest *m)
{
        size_t n_classes = 0;

        require(m->name && m->publisher && m->version && m->architecture && m->resource_id && m->family_name &&
                m->full_name && m->display_name);
        require(m->n_servers > 0 && m->n_servers <= MANIFEST_SERVERS_MAX);
        for (size_t i = 0; i < m->n_servers; i++) {
                const ManifestServer *s = &m->servers[i], *found = NULL;
                _cleanup_(freep) char **argv = NULL;

                require(s->executable && s->arguments && manifest_split_arguments(s->arguments, &argv) >= 0);
                if (s->n_classes > 0)
                        require(manifest_find_class(m, s->classes[0].clsid, &found) && found == s);
                n_classes += s->n_classes;
        }
        require(n_classes > 0 && n_classes <= MANIFEST_CLASSES_MAX);
        for (size_t i = 0; i < m->n_foreign_classes; i++)
                require(m->foreign_classes[i].kind && !manifest_find_class(m, m->foreign_classes[i].clsid, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(manifest_problems_done) ManifestProblems problems = { 0 };
        _cleanup_(manifest_freep) Manifest *m = NULL;
        int r;

        r = manifest_parse(data, size, NULL, &m, &problems);
        require((r == 0) == (problems.first_error == ERROR_NONE) && (r == 0) == !!m);
        for (size_t i = 0; i < problems.n_items; i++) {
                _cleanup_(freep) char *line = NULL;

                require(manifest_problem_format(&problems, &problems.items[i], true, &line) == 0);
        }
        if (m)
                check_manifest(m);
        return 0;
}
