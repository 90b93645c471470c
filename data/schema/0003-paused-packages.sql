-- SPDX-License-Identifier: MIT
-- Packages, and labels of command tasks, whose tasks are held.

CREATE TABLE paused (
        key INTEGER PRIMARY KEY,
        package TEXT NOT NULL UNIQUE,
        since_real_usec INTEGER NOT NULL,
        crc INTEGER NOT NULL
);
