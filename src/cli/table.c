/* SPDX-License-Identifier: MIT */

/* Tables on a terminal or in a pipe. */

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "cli/cli.h"

#define GAP 2
#define COLUMNS_MAX 16
/* No column is cut to less. */
#define WIDTH_MIN 3

typedef struct Cell {
        char *text;
        Color color;
} Cell;

struct Table {
        size_t n_columns;
        bool whole[COLUMNS_MAX];
        Buffer cells; /* of Cell, headings first */
        bool failed;
};

static Cell *cell_at(const Table *table, size_t i)
{
        return (Cell *)(void *)table->cells.data + i;
}

static size_t n_cells(const Table *table)
{
        return table->cells.size / sizeof(Cell);
}

void table_add(Table *table, const char *const *cells)
{
        for (size_t i = 0; i < table->n_columns && !table->failed; i++) {
                Cell cell = { .text = strdup(cells[i] ? cells[i] : "") };

                /* No name can be registered that moves the cursor, but text comes from elsewhere too. */
                for (char *p = cell.text; p && *p; p++)
                        if ((unsigned char)*p < 0x20 || *p == 0x7f)
                                *p = '?';
                if (!cell.text || buffer_append(&table->cells, &cell, sizeof cell) < 0) {
                        free(cell.text);
                        table->failed = true;
                }
        }
}

void table_color(Table *table, size_t column, Color color)
{
        if (!table->failed)
                cell_at(table, n_cells(table) - table->n_columns + column)->color = color;
}

Table *table_new(const char *const *headings, size_t n_columns)
{
        Table *table = calloc(1, sizeof *table);
        const char *shown[COLUMNS_MAX] = { 0 };

        if (!table)
                return NULL;
        table->n_columns = n_columns;
        for (size_t i = 0; i < n_columns; i++) {
                table->whole[i] = headings[i][0] == '!';
                shown[i] = headings[i] + table->whole[i];
        }
        table_add(table, shown);
        for (size_t i = 0; i < n_columns; i++)
                table_color(table, i, COLOR_HEADING);
        return table;
}

/* Takes from the widest column as long as the row does not fit. */
static void fit(const Table *table, size_t *widths, size_t terminal)
{
        size_t total = GAP * (table->n_columns - 1);

        for (size_t i = 0; i < table->n_columns; i++)
                total += widths[i];
        while (total > terminal) {
                size_t widest = SIZE_MAX;

                for (size_t i = 0; i < table->n_columns; i++)
                        if (!table->whole[i] && widths[i] > WIDTH_MIN &&
                            (widest == SIZE_MAX || widths[i] >= widths[widest]))
                                widest = i;
                if (widest == SIZE_MAX)
                        return;
                widths[widest]--;
                total--;
        }
}

static void print_row(const Table *table, size_t first, const size_t *widths)
{
        for (size_t i = 0; i < table->n_columns; i++) {
                const Cell *cell = cell_at(table, first + i);

                size_t shown;

                fputs(color_begin(cell->color), stdout);
                shown = print_cut(cell->text, widths[i]);
                fputs(color_end(cell->color), stdout);
                for (; i + 1 < table->n_columns && shown < widths[i] + GAP; shown++)
                        putchar(' ');
        }
        putchar('\n');
}

static void print_table(const Table *table)
{
        size_t n = n_cells(table), widths[COLUMNS_MAX] = { 0 };

        for (size_t i = 0; i < n; i++)
                widths[i % table->n_columns] = MAX(widths[i % table->n_columns], text_width(cell_at(table, i)->text));
        fit(table, widths, terminal_width());
        for (size_t i = 0; i < n; i += table->n_columns)
                print_row(table, i, widths);
}

void table_print(Table *table, const char *empty)
{
        if (!table || table->failed)
                cli_out_of_memory();
        else if (n_cells(table) > table->n_columns)
                print_table(table);
        else if (empty)
                fprintf(stderr, "%s\n", empty);
        if (!table)
                return;
        for (size_t i = 0; i < n_cells(table); i++)
                free(cell_at(table, i)->text);
        buffer_done(&table->cells);
        free(table);
}
