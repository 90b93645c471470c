/* SPDX-License-Identifier: MIT */
#include "ticker.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char *argv[])
{
        int r = argc > 1 && strcmp(argv[1], "serve") == 0 ? ticker_serve() : ticker_register();

        if (r < 0)
                fprintf(stderr, "%s %s\n", bgt_error()->message, bgt_error()->remedy);
        return r < 0 ? 1 : 0;
}
