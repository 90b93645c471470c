/* SPDX-License-Identifier: MIT */

/*
 * The database's log after an end of the broker, compared with the mark. SQLite's checksums are chained: that of a
 * frame goes on from that of the one before, so that a damaged frame shows itself and those behind it can still be
 * judged, from the checksum that is stored in it. The sum is linear. A difference that lies within one word of 32 bits
 * tells which word it is and what it was; that is put right, and proves to be right by the sum. A difference in only
 * the highest bits of a word could lie in one of several words; of these it is the one that then holds what the page
 * held before. What is damaged more than that is taken as it is: in the database it costs the rows that it hits, which
 * have checksums of their own.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "store/internal.h"
#include "store/mark.h"

#define LOG_MAGIC 0x377f0682u /* the lowest bit: words of checksums have their highest byte first */
#define LOG_VERSION 3007000u
#define RESTARTS_MAX 100000   /* of the log, while one mark was written back to the disk */

typedef struct Sum {
        uint32_t a, b;
} Sum;

typedef struct Log {
        Mark mark;
        int database_fd;
        uint8_t *data;
        size_t size;
        size_t n_frames;   /* that the file has */
        Sum seed;          /* from which the sum of the first frame went on when it was written */
        bool big;          /* order of bytes */
        unsigned n_mended; /* places that were put right */
        unsigned n_torn;   /* frames that were taken as they are */
        size_t end;        /* bytes to keep, if the file is written anew */
} Log;

/* What a checksum covers of a frame, or of the log's header. */
typedef struct Covered {
        uint8_t *start, *rest;
        size_t n_start, n_rest;
} Covered;

static uint32_t get_word(const Log *log, const uint8_t *p)
{
        return log->big ? read_be32(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void put_word(const Log *log, uint8_t *p, uint32_t x)
{
        write_be32(p, log->big ? x : __builtin_bswap32(x));
}

static Sum sum_part(const Log *log, Sum s, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i += 8) {
                s.a += get_word(log, p + i) + s.b;
                s.b += get_word(log, p + i + 4) + s.a;
        }
        return s;
}

static Sum sum_of(const Log *log, Sum seed, Covered c)
{
        return sum_part(log, sum_part(log, seed, c.start, c.n_start), c.rest, c.n_rest);
}

static Sum stored_sum(const uint8_t *p)
{
        return (Sum){ read_be32(p), read_be32(p + 4) };
}

static void store_sum(uint8_t *p, Sum s)
{
        write_be32(p, s.a);
        write_be32(p + 4, s.b);
}

static bool equal(Sum a, Sum b)
{
        return a.a == b.a && a.b == b.b;
}

static size_t frame_size(const Log *log)
{
        return LOG_FRAME_HEADER + log->mark.page_size;
}

/* From 0 on. */
static uint8_t *frame_at(const Log *log, size_t i)
{
        return log->data + LOG_HEADER + i * frame_size(log);
}

static Covered covered(const Log *log, uint8_t *frame)
{
        return (Covered){ frame, frame + LOG_FRAME_HEADER, LOG_FRAME_SALTS_AT, log->mark.page_size };
}

/* A word, and the change of it that makes the sum right. */
typedef struct Candidate {
        uint8_t *word;
        uint32_t delta;
} Candidate;

enum { CANDIDATES_MAX = 256 };

/*
 * Finds the words of which each alone may be the damaged one. Backwards from the difference at the end: a difference
 * of (x, y) before a pair of words is one of (x + y, x + 2y) after it, of d in the first word of the pair (d, d), of d
 * in the second (0, d).
 */
static size_t find_words(Covered c, Sum is, Sum should, Candidate candidates[static CANDIDATES_MAX])
{
        uint32_t a = should.a - is.a, b = should.b - is.b;
        size_t n = 0;

        for (size_t i = c.n_start + c.n_rest; i > 0 && n < CANDIDATES_MAX; i -= 8) {
                uint8_t *pair = i > c.n_start ? c.rest + (i - c.n_start) - 8 : c.start + i - 8;
                uint32_t x = 2 * a - b, y = b - a;

                if (a == b || a == 0)
                        candidates[n++] = (Candidate){ a == b ? pair : pair + 4, b };
                a = x;
                b = y;
        }
        return n;
}

static void apply(const Log *log, Candidate candidate)
{
        put_word(log, candidate.word, get_word(log, candidate.word) + candidate.delta);
}

/* How a page was before the frame i, or NULL. */
static const uint8_t *page_before(const Log *log, size_t i, uint32_t page, uint8_t *buffer)
{
        uint32_t size = log->mark.page_size;

        while (i-- > 0)
                if (read_be32(frame_at(log, i)) == page)
                        return frame_at(log, i) + LOG_FRAME_HEADER;
        if (page == 0 || pread(log->database_fd, buffer, size, (off_t)(page - 1) * size) != (ssize_t)size)
                return NULL;
        return buffer;
}

/* Bytes of the frame that its page had before. */
static size_t count_kept(const Log *log, size_t i, uint32_t page, uint8_t *buffer)
{
        const uint8_t *before = page_before(log, i, page, buffer), *now = frame_at(log, i) + LOG_FRAME_HEADER;
        size_t n = 0;

        for (size_t k = 0; before && k < log->mark.page_size; k++)
                n += before[k] == now[k];
        return n;
}

/* Of the candidates of a frame the one that is the damaged one. NULL: that cannot be told. */
static const Candidate *choose(const Log *log, size_t i, const Candidate *candidates, size_t n)
{
        _cleanup_(freep) uint8_t *buffer = malloc(log->mark.page_size);
        uint8_t *frame = frame_at(log, i), number[4];
        const Candidate *found = NULL;
        const uint8_t *before;

        if (!buffer || n == 0)
                return NULL;
        if (candidates[n - 1].word == frame) {
                size_t n_kept = count_kept(log, i, read_be32(frame), buffer), n_other;

                put_word(log, number, get_word(log, frame) + candidates[n - 1].delta);
                n_other = count_kept(log, i, read_be32(number), buffer);
                if (n_other > n_kept || (n_other == 0 && n_kept < log->mark.page_size / 2))
                        return &candidates[n - 1];
        }
        for (size_t k = 0; k < n; k++)
                if (candidates[k].word == frame + 4 && read_be32(frame + 4) > read_be32(log->mark.frame + 4))
                        return &candidates[k];
        before = page_before(log, i, read_be32(frame), buffer);
        for (size_t k = 0; before && k < n && candidates[k].word > frame + LOG_FRAME_HEADER; k++) {
                const uint8_t *was = before + (candidates[k].word - frame - LOG_FRAME_HEADER);

                if (get_word(log, was) != get_word(log, candidates[k].word) + candidates[k].delta)
                        continue;
                if (found)
                        return NULL;
                found = &candidates[k];
        }
        return found;
}

/* Of another program, or of the next version of SQLite. */
static bool is_log_header(const Log *log)
{
        return (read_be32(log->data) & ~1u) == LOG_MAGIC && read_be32(log->data + 4) == LOG_VERSION &&
               read_be32(log->data + LOG_PAGE_SIZE_AT) == log->mark.page_size;
}

/* Most frames up to the mark have these salts. */
static bool frames_are_of(const Log *log, const uint8_t *salts)
{
        size_t n = MIN(log->n_frames, (size_t)log->mark.n_frames), n_equal = 0;

        for (size_t i = 0; i < n; i++)
                n_equal += memcmp(frame_at(log, i) + LOG_FRAME_SALTS_AT, salts, 8) == 0;
        return n_equal > n / 2;
}

/* The sum of the frame i goes on from this one. */
static bool goes_on_from(const Log *log, size_t i, Sum seed)
{
        uint8_t *frame = frame_at(log, i);

        return equal(sum_of(log, seed, covered(log, frame)), stored_sum(frame + LOG_FRAME_SUM_AT));
}

/* The header, after which the sums of all frames go on. False: it cannot be known. */
static bool mend_header(Log *log)
{
        uint8_t *h = log->data;
        Covered c = { h, h, LOG_SUM_AT, 0 };
        Sum stored = stored_sum(h + LOG_SUM_AT), is = sum_of(log, (Sum){ 0 }, c);
        Candidate candidates[CANDIDATES_MAX];
        uint8_t before[LOG_HEADER];
        size_t n;

        log->seed = stored;
        if (equal(is, stored))
                return is_log_header(log);
        log->n_mended++;
        /* Where the first frame goes on from what the header holds, it is the stored sum that was damaged. */
        if (is_log_header(log) && log->n_frames > 0 && goes_on_from(log, 0, is)) {
                store_sum(h + LOG_SUM_AT, is);
                log->seed = is;
                return true;
        }
        memcpy(before, h, sizeof before);
        n = find_words(c, is, stored, candidates);
        for (size_t i = 0; i < n; i++) {
                apply(log, candidates[i]);
                if (is_log_header(log) && frames_are_of(log, h + LOG_SALTS_AT))
                        return true;
                memcpy(h, before, sizeof before);
        }
        if (!frames_are_of(log, log->mark.frame + LOG_FRAME_SALTS_AT))
                return false;
        /* All of it is known but the number of restarts, which nobody needs. */
        write_be32(h, log->mark.log_magic);
        write_be32(h + 4, LOG_VERSION);
        write_be32(h + LOG_PAGE_SIZE_AT, log->mark.page_size);
        memcpy(h + LOG_SALTS_AT, log->mark.frame + LOG_FRAME_SALTS_AT, 8);
        store_sum(h + LOG_SUM_AT, sum_of(log, (Sum){ 0 }, c));
        if (log->n_frames == 0 || !goes_on_from(log, 0, stored))
                log->seed = stored_sum(h + LOG_SUM_AT);
        return true;
}

/* The sum that the frame i should have. `is` is that of what it holds. */
static Sum wanted_sum(const Log *log, size_t i, Sum is)
{
        Sum stored = stored_sum(frame_at(log, i) + LOG_FRAME_SUM_AT);

        if (i + 1 == log->mark.n_frames)
                return stored_sum(log->mark.frame + LOG_FRAME_SUM_AT);
        if (i + 1 >= log->n_frames || equal(is, stored))
                return stored;
        /* Where the next frame goes on from what this one holds, it is the stored sum that was damaged. */
        return goes_on_from(log, i + 1, is) ? is : stored;
}

/* A frame that cannot be put right. Its page, if that makes no sense, becomes one that a later frame has. */
static void take_as_it_is(Log *log, uint8_t *frame)
{
        uint32_t page = read_be32(frame), n_pages = read_be32(log->mark.frame + 4);

        log->n_torn++;
        if (page == 0 || page > n_pages)
                memcpy(frame, log->mark.frame, 4);
}

static bool mend_words(const Log *log, size_t i, Sum is, Sum wanted)
{
        Candidate candidates[CANDIDATES_MAX];
        size_t n = find_words(covered(log, frame_at(log, i)), is, wanted, candidates);
        const Candidate *found = n == 1 ? candidates : choose(log, i, candidates, n);

        if (found)
                apply(log, *found);
        return found != NULL;
}

/* Of a frame that was committed. *seed is the sum before it as it should be, and becomes that behind it. */
static void mend_frame(Log *log, size_t i, Sum *seed)
{
        uint8_t *frame = frame_at(log, i), *salts = log->data + LOG_SALTS_AT;
        Covered c = covered(log, frame);
        Sum is, wanted;

        if (i + 1 == log->mark.n_frames && memcmp(frame, log->mark.frame, LOG_FRAME_HEADER) != 0) {
                memcpy(frame, log->mark.frame, LOG_FRAME_HEADER);
                log->n_mended++;
        }
        if (memcmp(frame + LOG_FRAME_SALTS_AT, salts, 8) != 0) {
                memcpy(frame + LOG_FRAME_SALTS_AT, salts, 8);
                log->n_mended++;
        }
        is = sum_of(log, *seed, c);
        wanted = wanted_sum(log, i, is);
        if (!equal(is, wanted) && mend_words(log, i, is, wanted))
                log->n_mended++;
        else if (!equal(is, wanted))
                take_as_it_is(log, frame);
        else if (!equal(is, stored_sum(frame + LOG_FRAME_SUM_AT)))
                log->n_mended++;
        *seed = wanted;
}

/* True if a frame behind the mark is one that SQLite would take. */
static bool is_next_frame(const Log *log, size_t i, Sum seed)
{
        return memcmp(frame_at(log, i) + LOG_FRAME_SALTS_AT, log->data + LOG_SALTS_AT, 8) == 0 &&
               goes_on_from(log, i, seed);
}

/* All frames up to the mark, and those behind it that SQLite would take. Their sums are chained anew. */
static void mend_frames(Log *log)
{
        Sum seed = log->seed, chain = stored_sum(log->data + LOG_SUM_AT);

        for (size_t i = 0; i < log->n_frames; i++) {
                uint8_t *sum = frame_at(log, i) + LOG_FRAME_SUM_AT;
                bool as_written = equal(seed, chain);
                unsigned n_torn = log->n_torn;

                if (i < log->mark.n_frames)
                        mend_frame(log, i, &seed);
                else if (is_next_frame(log, i, seed))
                        seed = stored_sum(sum);
                else
                        break;
                if (as_written && log->n_torn == n_torn)
                        chain = seed;
                else
                        chain = sum_of(log, chain, covered(log, frame_at(log, i)));
                store_sum(sum, chain);
                log->end = LOG_HEADER + (i + 1) * frame_size(log);
        }
}

/* ---- files ---- */

/* Nobody else has the database open as long as this descriptor is. -EAGAIN: somebody has. */
static int lock_database(const char *path, int *ret_fd)
{
        /* Where SQLite has its locks, whatever the file's size: "File Locking", PENDING_BYTE. */
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512 };
        _cleanup_(closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return -errno;
        if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
                return -EAGAIN;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* 0 bytes if there is none. */
static int read_log(const char *path, Log *log)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size < LOG_HEADER)
                return 0;
        log->data = malloc((size_t)st.st_size);
        if (!log->data)
                return -ENOMEM;
        for (ssize_t n = 1; n > 0 && log->size < (size_t)st.st_size; log->size += (size_t)n) {
                n = read(fd, log->data + log->size, (size_t)st.st_size - log->size);
                if (n < 0)
                        return -errno;
        }
        if (log->size < LOG_HEADER)
                return -EIO;
        log->n_frames = (log->size - LOG_HEADER) / frame_size(log);
        return 0;
}

/* The page of the mark's last frame is in the database as it was in the log: somebody has copied it there. */
static bool was_copied(const Log *log)
{
        uint32_t size = log->mark.page_size, number = read_be32(log->mark.frame);
        _cleanup_(freep) uint8_t *page = malloc(size);
        uint8_t start[LOG_FRAME_SALTS_AT];
        Covered c = { start, page, sizeof start, size };

        memcpy(start, log->mark.frame, sizeof start);
        return page && pread(log->database_fd, page, size, (off_t)(number - 1) * size) == (ssize_t)size &&
               equal(sum_of(log, stored_sum(log->mark.seed), c), stored_sum(log->mark.frame + LOG_FRAME_SUM_AT));
}

static int write_file(const char *path, const uint8_t *data, size_t size)
{
        _cleanup_(closep) int fd = -1;
        int r;

        unlink(path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        return fsync(fd) < 0 ? -errno : 0;
}

/* The log as it was found keeps another name, in which it has one from the start: a kill in between loses neither. */
static int write_log(Store *store, const char *path, const Log *log, StoreReport *report)
{
        _cleanup_(freep) char *fresh = NULL, *aside = NULL;
        char suffix[STORE_SUFFIX_MAX];
        int r;

        r = store_pick_suffix(store->path, suffix);
        if (r < 0)
                return r;
        if (asprintf(&fresh, "%s.new", path) < 0 ||
            asprintf(&aside, "%s" STORE_DAMAGED "%s-wal", store->path, suffix) < 0)
                return -ENOMEM;
        r = write_file(fresh, log->data, log->end);
        if (r == 0 && link(path, aside) < 0)
                r = -errno;
        if (r == 0 && log->n_torn > 0)
                store_mark_suspect(store);
        if (r == 0 && rename(fresh, path) < 0)
                r = -errno;
        if (r < 0)
                unlink(fresh);
        else
                snprintf(report->set_aside, sizeof report->set_aside, DATABASE_NAME STORE_DAMAGED "%s-wal", suffix);
        return r;
}

static void tell(const Log *log, uint32_t n_lost, StoreReport *report)
{
        if (log->n_torn > 0)
                store_tell(report, "the log of the database was damaged: %u of its pages could not be put right, and "
                                   "what they held may be lost; it is kept as %s", log->n_torn, report->set_aside);
        else if (log->n_mended > 0)
                store_tell(report, "the log of the database was damaged, and was put right: nothing of it is lost; as "
                                   "it was it is kept as %s", report->set_aside);
        if (n_lost > 0)
                store_tell(report, "the log of the database lacks its last %u pages: what was stored last is lost",
                           n_lost);
}

static int check(Store *store, Log *log, StoreReport *report)
{
        _cleanup_(freep) char *path = NULL;
        uint32_t salt, lost = 0;
        int r;

        if (asprintf(&path, "%s-wal", store->path) < 0)
                return -ENOMEM;
        r = read_log(path, log);
        if (r < 0)
                return r;
        if (log->size == 0 || !mend_header(log)) {
                log->n_mended = 0;
                if (!log->mark.may_be_gone && !was_copied(log))
                        tell(log, log->mark.n_frames, report);
                return 0;
        }
        /* With each restart the first salt grows by one. The mark of the one before knows nothing of this log. */
        salt = read_be32(log->data + LOG_SALTS_AT) - read_be32(log->mark.frame + LOG_FRAME_SALTS_AT);
        if (memcmp(log->data + LOG_SALTS_AT, log->mark.frame + LOG_FRAME_SALTS_AT, 8) != 0) {
                if (!log->mark.may_be_gone && (salt == 0 || salt > RESTARTS_MAX) && !was_copied(log))
                        lost = log->mark.n_frames;
                log->mark.n_frames = 0;
        } else if (log->n_frames < log->mark.n_frames) {
                lost = log->mark.n_frames - (uint32_t)log->n_frames;
        }
        log->end = LOG_HEADER;
        mend_frames(log);
        r = log->n_mended + log->n_torn > 0 ? write_log(store, path, log, report) : 0;
        if (r == 0)
                tell(log, lost, report);
        return r;
}

int log_check(Store *store, StoreReport *report)
{
        _cleanup_(closep) int fd = -1;
        Log log = { 0 };
        int r;

        if (mark_read(store->mark_path, &log.mark) < 0 || log.mark.n_frames == 0 ||
            log.mark.page_size < 512 || log.mark.page_size > 65536 || log.mark.page_size % 8 != 0)
                return 0;
        r = lock_database(store->path, &fd);
        /* Opening it will say why. */
        if (r < 0)
                return 0;
        log.big = log.mark.log_magic & 1;
        log.database_fd = fd;
        r = check(store, &log, report);
        free(log.data);
        return r;
}
