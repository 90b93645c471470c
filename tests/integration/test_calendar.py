# SPDX-License-Identifier: MIT
"""Calendar triggers: from the expression to the run; previews, and the same expressions judged by systemd-analyze."""

import datetime
import os
import re
import shutil
import subprocess
import unittest

from harness import CLI, Case, Done, Running, eventually


LIBRARIES = {key: value for key, value in os.environ.items() if key.startswith('LD_')}


class Calendar(Running):
    def calendar(self, expression, name='ok', **options):
        return self.task(name, trigger=('calendar', {'expression': ('s', expression)}), **options)

    def moment(self):
        """The broker's wall clock."""
        return datetime.datetime.fromtimestamp(self.broker.now()[2] / 1e6, datetime.timezone.utc)

    def advance_to(self, moment):
        self.broker.advance((moment - self.moment()).total_seconds())

    def next_of(self, task):
        row, = (row for row in self.broker.tasks() if row['task'] == task)
        return datetime.datetime.fromtimestamp(row['next-earliest'] / 1e6, datetime.timezone.utc)

    def test_it_runs_at_its_time_and_at_the_next_one(self):
        task = self.calendar('*:30 UTC')
        due = self.next_of(task)
        self.assertEqual((due.minute, due.second), (30, 0))
        self.assertIn('waiting-for-time', self.codes(task))
        self.broker.advance((due - self.moment()).total_seconds() - 1)
        self.assertEqual(self.broker.history(), [])
        self.broker.advance(2)
        ended = self.broker.next_end()
        self.assert_outcome(ended, 'completed', count=1)
        self.assertEqual(ended['scheduled'], int(due.timestamp() * 1e6))
        self.assertEqual(self.next_of(task), due + datetime.timedelta(hours=1))

    def test_why_names_the_time(self):
        task = self.calendar('*-*~1 23:00')
        sentence, _, _, details = self.broker.why(task)['waiting-for-time']
        self.assertIn('23:00:00', sentence)
        self.assertEqual(details['until'], int(self.next_of(task).timestamp() * 1e6))

    def test_the_zone_of_the_expression_counts(self):
        local, kolkata = self.calendar('12:00'), self.calendar('12:00 Asia/Kolkata', 'ok-2')
        self.assertEqual((self.next_of(local).hour, self.next_of(local).minute), (12, 0))
        self.assertEqual((self.next_of(kolkata).hour, self.next_of(kolkata).minute), (6, 30))

    def test_missed_times_are_made_up_for_by_one_run(self):
        task = self.calendar('hourly')
        due = self.next_of(task)
        self.broker.terminate()
        self.broker.start()
        self.broker.step((due - self.moment()).total_seconds() + 5 * 3600 + 60)
        ended = self.broker.next_end()
        self.assert_outcome(ended, 'completed', count=6)
        self.assertEqual(ended['first-scheduled'], int(due.timestamp() * 1e6))

    def test_a_clock_set_back_by_an_hour_does_not_fire_it_twice(self):
        task = self.calendar('*:30')
        due = self.next_of(task)
        self.advance_to(due + datetime.timedelta(seconds=1))
        self.broker.next_end()
        self.broker.step(-3600)
        self.assertEqual(self.next_of(task), due + datetime.timedelta(hours=1))
        self.broker.advance(3600)
        self.assertEqual(len(self.broker.history()), 1)

    def test_a_clock_set_back_by_a_year_counts_from_there(self):
        task = self.calendar('*:30')
        self.broker.step(-365 * 86400)
        self.assertLess(self.next_of(task) - self.moment(), datetime.timedelta(hours=1))

    def test_it_survives_the_broker_and_a_reboot(self):
        task = self.calendar('daily UTC')
        due = self.next_of(task)
        self.broker.restart()
        self.assertEqual(self.next_of(task), due)
        self.broker.reboot(60)
        self.assertEqual(self.next_of(task), due)

    def test_an_update_of_the_expression_counts_from_the_update(self):
        task = self.calendar('*:30')
        self.broker.advance(7200)
        eventually(lambda: not self.broker.runs())
        n = len(self.broker.history())
        self.assertEqual(self.calendar('*:15', if_exists='update'), task)
        self.assertEqual(self.next_of(task).minute, 15)
        self.assertGreater(self.next_of(task), self.moment())
        self.assertEqual(len(self.broker.history()), n)

    def test_what_is_no_expression_is_refused_by_its_place(self):
        for expression, pieces in (('25:00', ('character 1', '25')), ('', ('empty',)), ('*-02-30', ('does not come',)),
                                   ('2020-01-01', ('does not come',)), ('10:00 No/Where', ('No/Where',)),
                                   ('x' * 300, ('255 bytes',)), ('10:00 ../../etc/passwd', ('one word too many',))):
            with self.subTest(expression):
                self.assert_refused('InvalidArgument', *pieces, by=lambda text=expression: self.calendar(text))
        self.assertEqual(self.broker.tasks(), [])

    def test_the_command_line_registers_and_plans_it(self):
        done = self.broker.bgtask('add', 'nightly', '--at', 'Mon..Sun 03:00', '--', 'true')
        self.assertEqual(done.status, 0, done.err)
        done = self.broker.bgtask('plan', '--json', '2d')
        self.assertEqual([step['name'] for step in done.json['steps']], ['nightly', 'nightly'])
        self.assert_fails(self.broker.bgtask('add', 'x', '--at', '03:99', '--', 'true'), 1, '03:99', 'minute 99')


def preview(*args):
    return Done(subprocess.run([CLI, 'next', *args], env={'TZ': 'UTC', 'LC_ALL': 'C.UTF-8', **LIBRARIES},
                               capture_output=True, encoding='utf-8', check=False))


class Preview(Case):
    def test_it_needs_no_broker_and_shows_as_many_as_are_asked_for(self):
        done = preview('--json', '--count', '3', '--after', '2026-03-28 12:00 Europe/Berlin', '02:30 Europe/Berlin')
        self.assertEqual([row['local'] for row in done.json],
                         ['Sun 2026-03-29 03:00:00 +02:00', 'Mon 2026-03-30 02:30:00 +02:00',
                          'Tue 2026-03-31 02:30:00 +02:00'])

    def test_what_never_comes_is_told_by_the_exit_status(self):
        self.assertEqual(preview('*-02-30').status, 1)

    def test_mistakes_are_named(self):
        for args, piece in ((('24:00',), 'hour 24'), (('--count', '0', 'daily'), '1 to 1000'), ((), 'missing'),
                            (('daily', 'UTC'), 'one argument'), (('10:00 No/Where',), 'No/Where')):
            with self.subTest(args):
                self.assert_fails(preview(*args), 2, piece)


@unittest.skipUnless(shutil.which('systemd-analyze'), 'systemd-analyze is not installed')
class SameAsSystemd(Case):
    EXPRESSIONS = (
        'minutely', 'hourly', 'daily', 'weekly', 'monthly', 'quarterly', 'semiannually', 'yearly',
        'Mon..Fri 10:00', 'Sat,Sun 08:30', 'Tue-Thu,Sat 11:00', 'Mon *-05~07/1', '*-*~1 23:00', '*-02-29',
        '*-02~01..03', '*:0/15', '*:5,35:10', '9..17/4:20', '2027-01-02 03:04:05', '27-1-2', '05-07', '12:30',
        '*-4,6-1..10/4 06:00', '*-*-1..7 18:00', 'Fri *-*-13', '2028/2-*-* 00:00', '*:*:0/20', 'Wed *-1-1 0:0:0',
        'Mon..Fri *-*-* 9..17:00:00',
        '*-*-31', '*-*~28', '*-1/3-1', 'Thu,Fri 2026-*-1,5 11:12:13', '*-12-24..31 23:59:59',
    )

    def by_systemd(self, expression, n):
        done = subprocess.run(['systemd-analyze', 'calendar', f'--iterations={n}', '--base-time=2026-03-10 12:00:00',
                               expression], env={'TZ': 'UTC', 'LC_ALL': 'C'}, capture_output=True, text=True,
                              check=True)
        return re.findall(r'(?:Next elapse|Iter\. #\d+|Iteration #\d+): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC',
                          done.stdout)

    def test_the_times_are_those_of_systemd_analyze(self):
        for expression in self.EXPRESSIONS:
            done = preview('--json', '--count', '12', '--after', '2026-03-10 12:00 UTC', f'{expression} UTC')
            with self.subTest(expression):
                mine = [row['local'][4:23] for row in done.json]
                self.assertEqual(mine, self.by_systemd(f'{expression} UTC', 12))
