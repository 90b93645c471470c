-- SPDX-License-Identifier: MIT
-- A database as version 0.1.0 wrote it, schema 1. Never changed: every later version has to read it.
PRAGMA application_id = 1650947169;
PRAGMA user_version = 1;
CREATE TABLE package (
        key INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        folder TEXT NOT NULL,
        external_location TEXT NOT NULL,
        target_name TEXT NOT NULL,
        version TEXT NOT NULL,
        content BLOB NOT NULL,
        installed_real_usec INTEGER NOT NULL,
        manifest BLOB NOT NULL,
        crc INTEGER NOT NULL
);
CREATE TABLE task (
        key INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        package TEXT NOT NULL,
        name TEXT NOT NULL,
        spec BLOB NOT NULL,
        state BLOB NOT NULL
);
CREATE TABLE pending (
        key INTEGER PRIMARY KEY,
        task BLOB NOT NULL,
        number INTEGER NOT NULL,
        accepted_real_usec INTEGER NOT NULL,
        scheduled_real_usec INTEGER NOT NULL,
        first_scheduled_real_usec INTEGER NOT NULL,
        count INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        fired_by INTEGER NOT NULL,
        forced INTEGER NOT NULL,
        rerun INTEGER NOT NULL,
        details BLOB NOT NULL,
        crc INTEGER NOT NULL,
        UNIQUE (task, number)
);
CREATE TABLE level (
        condition INTEGER PRIMARY KEY,
        level INTEGER NOT NULL,
        boot_id BLOB NOT NULL,
        crc INTEGER NOT NULL
);
CREATE TABLE run (
        key INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        task BLOB NOT NULL,
        package TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL,
        server INTEGER NOT NULL,
        accepted_real_usec INTEGER NOT NULL,
        scheduled_real_usec INTEGER NOT NULL,
        first_scheduled_real_usec INTEGER NOT NULL,
        started_real_usec INTEGER NOT NULL,
        ended_real_usec INTEGER NOT NULL,
        count INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        progress INTEGER NOT NULL,
        fired_by INTEGER NOT NULL,
        outcome INTEGER NOT NULL,
        reason INTEGER NOT NULL,
        detail INTEGER NOT NULL,
        result INTEGER NOT NULL,
        cpu_usec INTEGER NOT NULL,
        memory_bytes INTEGER NOT NULL,
        crc INTEGER NOT NULL,
        UNIQUE (task, number)
);
CREATE TABLE damaged (
        key INTEGER PRIMARY KEY,
        found_real_usec INTEGER NOT NULL,
        source TEXT NOT NULL,
        content TEXT NOT NULL
);
CREATE VIEW position (i) AS VALUES (0), (1), (2), (3), (4), (5), (6), (7);
CREATE VIEW alphabet (bytes) AS SELECT CAST(
           x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
        || x'202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f'
        || x'404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f'
        || x'606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f'
        || x'808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'
        || x'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf'
        || x'c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf'
        || x'e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'
        AS BLOB);
CREATE VIEW tasks AS SELECT
        lower(hex(id)) AS id,
        package,
        name,
        instr(bytes, substr(spec, 3, 1)) - 1 AS trigger_kind,
        instr(bytes, substr(spec, 4, 1)) - 1 AS system_type,
        (SELECT sum((instr(bytes, substr(spec, 17 + i, 1)) - 1) << 8 * i) FROM position) AS period_usec,
        (SELECT sum((instr(bytes, substr(spec, 9 + i, 1)) - 1) << 8 * i) FROM position WHERE i < 4) AS conditions,
        (instr(bytes, substr(spec, 2, 1)) - 1) >> 4 & 1 AS paused,
        (SELECT sum((instr(bytes, substr(spec, 33 + i, 1)) - 1) << 8 * i) FROM position) AS registered_real_usec,
        (SELECT sum((instr(bytes, substr(state, 25 + i, 1)) - 1) << 8 * i) FROM position) AS anchor_real_usec,
        (SELECT sum((instr(bytes, substr(state, 33 + i, 1)) - 1) << 8 * i) FROM position) AS last_number
FROM task, alphabet;
CREATE VIEW history AS SELECT
        datetime(ended_real_usec / 1000000, 'unixepoch') AS ended,
        package,
        name,
        lower(hex(id)) AS run,
        CASE outcome
                WHEN 1 THEN 'completed' WHEN 2 THEN 'failed' WHEN 3 THEN 'canceled' WHEN 4 THEN 'abandoned'
                WHEN 5 THEN 'timed-out' WHEN 6 THEN 'not-started' WHEN 7 THEN 'expired' ELSE outcome
        END AS outcome,
        reason,
        detail,
        result,
        attempts,
        (ended_real_usec - started_real_usec) / 1000000.0 AS seconds
FROM run ORDER BY key DESC;
INSERT INTO package VALUES (
        1,
        'Sample_h91ms92gdsmmt',
        '/usr/share/sample',
        '/usr/bin',
        '',
        '1.2.3.4',
        x'76000000000000000100000000000000',
        1700000000000004,
        x'3c5061636b6167652f3e',
        2878765913);
INSERT INTO task VALUES (
        1,
        x'74000000000000000100000000000000',
        'Sample_h91ms92gdsmmt',
        'a task',
        CAST(x'013f640304020100020103807011010001a493d600000000414b4c000000000002401e18240a0600'
        || x'630000000000000001000000000000000b0000000000000016000000000000002100000000000000'
        || x'2c00000000000000ffffffffffffffff4d6f6e202a2d2a2d2a2030303a303000612067726f757000'
        || x'616e206f7074696f6e002c98a507' AS BLOB),
        CAST(x'62000000000000000100000000000000141a99be1c00000001401e18240a06000000000000000040'
        || x'140c4f8f' AS BLOB));
INSERT INTO task VALUES (
        2,
        x'74000000000000000200000000000000',
        'Sample_h91ms92gdsmmt',
        'plain',
        CAST(x'0100010000000000000000000000000000e9a4350000000000000000000000000000000000000000'
        || x'630000000000000000000000000000000000005167b0a6' AS BLOB),
        CAST(x'62000000000000000000000000000000010000000000000002000000000000000000000000000000'
        || x'71715c96' AS BLOB));
INSERT INTO pending VALUES (
        1,
        x'74000000000000000200000000000000',
        7,
        1700000000000003,
        0,
        0,
        2,
        1,
        1,
        0,
        0,
        x'64657461696c73',
        271858037);
INSERT INTO level VALUES (
        16,
        -1,
        x'62000000000000000100000000000000',
        1821429201);
INSERT INTO run VALUES (
        1,
        x'72000000000000000500000000000000',
        x'74000000000000000200000000000000',
        'Sample',
        'plain',
        5,
        0,
        0,
        0,
        0,
        0,
        50,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        307666044);
