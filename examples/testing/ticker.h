/* SPDX-License-Identifier: MIT */
#pragma once

#include <bgtask.h>

#define TICKER_CLSID "4D0C0E6A-8B1F-4C57-9E0D-6E1F5B7A2C33"
#define TICKER_NAME "Ticker"
#define TICKER_FILE "ticks"

int ticker_register(void);
int ticker_serve(void);
