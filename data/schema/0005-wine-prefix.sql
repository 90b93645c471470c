-- SPDX-License-Identifier: MIT
-- The prefix of Wine that a package with programs of Windows was installed with. Most packages have none.

CREATE TABLE wine_prefix (
        key INTEGER PRIMARY KEY,
        package TEXT NOT NULL UNIQUE,
        prefix TEXT NOT NULL,
        crc INTEGER NOT NULL
);
