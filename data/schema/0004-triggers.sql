-- SPDX-License-Identifier: MIT
-- A task may have further triggers (spec), and their anchors (state); fired_by has the trigger's place and kind above
-- its lowest four bits. Rows of earlier versions have none of them.

DROP VIEW IF EXISTS tasks;
CREATE VIEW tasks AS SELECT
        lower(hex(id)) AS id,
        package,
        name,
        instr(bytes, substr(spec, 3, 1)) - 1 AS trigger_kind,
        instr(bytes, substr(spec, 8, 1)) - 1 AS further_triggers,
        instr(bytes, substr(spec, 4, 1)) - 1 AS system_type,
        (SELECT sum((instr(bytes, substr(spec, 17 + i, 1)) - 1) << 8 * i) FROM position) AS period_usec,
        (SELECT sum((instr(bytes, substr(spec, 9 + i, 1)) - 1) << 8 * i) FROM position WHERE i < 4) AS conditions,
        (instr(bytes, substr(spec, 2, 1)) - 1) >> 4 & 1 AS paused,
        length(state) > 44 AND (instr(bytes, substr(state, 41, 1)) - 1) & 1 AS skip_next,
        (SELECT sum((instr(bytes, substr(spec, 33 + i, 1)) - 1) << 8 * i) FROM position) AS registered_real_usec,
        (SELECT sum((instr(bytes, substr(state, 25 + i, 1)) - 1) << 8 * i) FROM position) AS anchor_real_usec,
        (SELECT sum((instr(bytes, substr(state, 33 + i, 1)) - 1) << 8 * i) FROM position) AS last_number
FROM task, alphabet;
