/* SPDX-License-Identifier: MIT */

#include "manifest/manifest.h"

#include "manifest/build.h"

static void server_done(ManifestServer *server)
{
        for (size_t i = 0; i < server->n_classes; i++)
                free(server->classes[i].display_name);
        free(server->classes);
        free(server->executable);
        free(server->path);
        free(server->arguments);
        free(server->display_name);
        free(server->application_id);
}

Manifest *manifest_free(Manifest *m)
{
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->n_servers; i++)
                server_done(&m->servers[i]);
        for (size_t i = 0; i < m->n_foreign_classes; i++)
                free(m->foreign_classes[i].display_name);
        for (size_t i = 0; i < m->n_capabilities; i++)
                free(m->capabilities[i].name);
        for (size_t i = 0; i < m->n_application_ids; i++)
                free(m->application_ids[i]);
        free(m->servers);
        free(m->foreign_classes);
        free(m->capabilities);
        free(m->application_ids);
        free(m->folder);
        free(m->file);
        free(m->root);
        free(m->name);
        free(m->publisher);
        free(m->version);
        free(m->architecture);
        free(m->resource_id);
        free(m->family_name);
        free(m->full_name);
        free(m->display_name);
        free(m);
        return NULL;
}

int manifest_parse(const void *data, size_t size, const ManifestOptions *options, Manifest **ret_manifest,
                   ManifestProblems *problems)
{
        _cleanup_(manifest_freep) Manifest *m = NULL;
        int r;

        r = build_manifest(data, size, options, &m, problems);
        if (r >= 0)
                r = problems_to_errno(problems);
        if (r < 0)
                return r;
        *ret_manifest = TAKE_PTR(m);
        return 0;
}

const ManifestClass *manifest_find_class(const Manifest *m, Uuid clsid, const ManifestServer **ret_server)
{
        for (size_t i = 0; i < m->n_servers; i++)
                for (size_t j = 0; j < m->servers[i].n_classes; j++) {
                        if (!uuid_equal(m->servers[i].classes[j].clsid, clsid))
                                continue;
                        if (ret_server)
                                *ret_server = &m->servers[i];
                        return &m->servers[i].classes[j];
                }
        return NULL;
}

const ManifestForeignClass *manifest_find_foreign_class(const Manifest *m, Uuid clsid)
{
        for (size_t i = 0; i < m->n_foreign_classes; i++)
                if (uuid_equal(m->foreign_classes[i].clsid, clsid))
                        return &m->foreign_classes[i];
        return NULL;
}
