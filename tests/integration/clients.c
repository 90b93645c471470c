/* SPDX-License-Identifier: MIT */

/*
 * Clients that need a broker at the same moment: clients N. Each connects, which starts a broker if none is there, and
 * prints the pid of the one that answers. Ends with 1 if any of them got no answer.
 */

#include <bgtask.h>
#include <bgtask/manage.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int ask(void)
{
        bgt_record *status = NULL;
        bgt *b = NULL;
        int r;

        r = bgt_open("", BGT_NO_THREADS, &b);
        if (r >= 0)
                r = bgt_status(b, &status);
        if (r >= 0)
                printf("%" PRIu64 "\n", bgt_record_uint(status, "pid", 0));
        else
                fprintf(stderr, "%s\n", bgt_error()->message);
        bgt_record_unref(status);
        bgt_close(b);
        return fflush(stdout) == 0 && r >= 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
        int n = argc > 1 ? atoi(argv[1]) : 1, gate[2], status, failed = 0;
        char byte;

        if (pipe(gate) < 0)
                return 1;
        for (int i = 0; i < n; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        return 1;
                if (pid == 0) {
                        close(gate[1]);
                        /* The end of the pipe is the same moment for all. */
                        (void)!read(gate[0], &byte, 1);
                        close(gate[0]);
                        _exit(ask());
                }
        }
        close(gate[0]);
        close(gate[1]);
        while (wait(&status) > 0)
                failed |= status;
        return failed ? 1 : 0;
}
