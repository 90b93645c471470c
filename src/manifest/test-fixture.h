/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests of this room share: pieces of manifests, and package folders that are removed again. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "manifest/problems.h"

#define NS "http://schemas.microsoft.com/appx/manifest/"
#define PACKAGE_START                                                                                   \
        "<Package xmlns='" NS "foundation/windows10' xmlns:uap='" NS "uap/windows10' "                  \
        "xmlns:uap10='" NS "uap/windows10/10' xmlns:com='" NS "com/windows10' "                         \
        "xmlns:com4='" NS "com/windows10/4' xmlns:rescap='" NS "foundation/windows10/restrictedcapabilities'>\n"
#define IDENTITY "<Identity Name='Contoso.Test' Publisher='CN=Contoso' Version='1.2.3.4'/>\n"
#define PROPERTIES(more) "<Properties><DisplayName>Test</DisplayName><PublisherDisplayName>P</PublisherDisplayName>" \
        "<Logo>l.png</Logo>" more "</Properties>\n"
#define DEVICE_FAMILY(min, max) \
        "<TargetDeviceFamily Name='Windows.Desktop' MinVersion='" min "' MaxVersionTested='" max "'/>"
#define REST                                                                                            \
        "<Dependencies>" DEVICE_FAMILY("10.0.17763.0", "10.0.19041.0") "</Dependencies>\n"             \
        "<Capabilities><rescap:Capability Name='runFullTrust'/></Capabilities>\n"
#define VISUAL                                                                                          \
        "<uap:VisualElements DisplayName='d' Description='d' BackgroundColor='red' Square150x150Logo='a.png' " \
        "Square44x44Logo='b.png'/>\n"
#define APPLICATION(extensions)                                                                         \
        "<Applications><Application Id='App' EntryPoint='Windows.FullTrustApplication'>\n" VISUAL      \
        "<Extensions>\n" extensions                                                                    \
        "</Extensions></Application></Applications>\n"
#define COM(servers)                                                                                    \
        "<com:Extension Category='windows.comServer'><com:ComServer>\n" servers                         \
        "</com:ComServer></com:Extension>\n"
#define EXE(attributes, classes) "<com:ExeServer " attributes ">\n" classes "</com:ExeServer>\n"
#define CLASS_A "<com:Class Id='11111111-1111-1111-1111-111111111111'/>\n"
#define CLASS_B "<com:Class Id='22222222-2222-2222-2222-222222222222'/>\n"
#define PACKAGE_END "</Package>\n"

/* A package with these servers, and nothing that any rule minds in the rest of it. */
#define PACKAGE(servers) PACKAGE_START IDENTITY PROPERTIES("") REST APPLICATION(COM(servers)) PACKAGE_END
/* A package with this Identity. */
#define PACKAGE_OF(identity) \
        PACKAGE_START identity PROPERTIES("") REST APPLICATION(COM(EXE("Executable='a.exe'", CLASS_A))) PACKAGE_END

typedef struct Folder {
        char path[64];
} Folder;

/* A fresh folder; remove it with folder_done(). */
void folder_init(Folder *folder);
void folder_done(Folder *folder);
/* A path below the folder; valid until the next call. */
const char *folder_path(const Folder *folder, const char *name);
/* Writes a file, with the folders on its way. */
void folder_write(const Folder *folder, const char *name, const char *text, mode_t mode);
void folder_mkdir(const Folder *folder, const char *name);
void folder_symlink(const Folder *folder, const char *target, const char *name);

/* Reads a whole file of tests/data. */
void read_test_data(const char *name, Buffer *ret_text);

Uuid uuid_of(const char *text);

/* A text, and the problem that it must lead to. */
typedef struct RuleCase {
        ManifestRule rule;
        unsigned line;
        const char *value; /* NULL if none is shown */
        const char *text;
} RuleCase;

void check_cases(const RuleCase *cases, size_t n);
/* The first problem of a rule; fails the test if there is none. */
const ManifestProblem *find_problem(const ManifestProblems *problems, ManifestRule rule);
/* Checks what a broken rule must lead to, whatever the rule is. */
void check_problem(const ManifestProblems *problems, ManifestRule rule, int result);
/* All problems as text; valid until the next call. */
const char *format_all(const ManifestProblems *problems);
/* True if find_problem() has found one of this rule. */
bool is_rule_seen(ManifestRule rule);

#define GOOD_SERVER COM(EXE("Executable='a.exe'", CLASS_A))
