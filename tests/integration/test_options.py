# SPDX-License-Identifier: MIT
"""Options of add, edit and register that would have no effect are refused, with what they go with."""

from harness import Package, Running

FILES, TIMER, CONDITION, COMMAND = '--files PATH', 'no trigger with a time', 'no condition', 'not a command'
EVERY = ('--every', '1h')
# Of each verb alike: the options, and what is said.
COMBINATIONS = (
    (FILES, *EVERY, '--delay', '2s'),
    (FILES, *EVERY, '--maximum-delay', '1m'),
    (FILES, *EVERY, '--flat'),
    (FILES, *EVERY, '--tracker'),
    ('shorter than --delay', '--files', '/usr', '--delay', '1m', '--maximum-delay', '2s'),
    ('--devices MATCH', *EVERY, '--changes'),
    ('--devices MATCH', '--device', '/dev/null', '--changes'),
    ('no interval', '--time', '30', '--window', '1m'),
    ('--custom', *EVERY, '--once-per-boot'),
    ('not with --once', '--custom', 'x', '--once-per-boot', '--once'),
    ('nothing but requests', '--on', 'DeviceUseTrigger', '--once'),
    (TIMER, '--on', 'login', '--catch-up', 'all'),
    (TIMER, '--on', 'login', '--catch-up-window', '1d'),
    ('--catch-up all', *EVERY, '--catch-up-window', '1d'),
    ('--catch-up all', *EVERY, '--catch-up', 'one', '--catch-up-window', '1d'),
    ('--retry N', *EVERY, '--retry-backoff', '1m'),
    ('--retry N', *EVERY, '--retry', '0', '--retry-backoff', '1m'),
    (CONDITION, *EVERY, '--deadline', '1d'),
    (CONDITION, *EVERY, '--cancel-on-condition-loss'),
    (CONDITION, '--maintenance', '30', '--cancel-on-condition-loss'),
)
GOOD = (
    ('--files', '/usr', '--delay', '1m'),
    ('--on', 'login', '--maintenance', '30', '--deadline', '1d', '--catch-up', 'none'),
    ('--on', 'DeviceUseTrigger', '--on', 'login', '--once'),
    (*EVERY, '--retry-backoff', '0', '--deadline', '0', '--catch-up-window', '0'),
)


class Options(Running):
    def refused(self, sentence, *arguments):
        with self.subTest(' '.join(arguments)):
            done = self.broker.bgtask(*arguments)
            self.assert_fails(done, 2, sentence)

    def good(self, *arguments):
        done = self.broker.bgtask(*arguments)
        self.assertEqual(done.status, 0, done.err)

    def test_what_would_have_no_effect_is_refused_and_registers_nothing(self):
        for sentence, *options in COMBINATIONS:
            self.refused(sentence, 'add', *options, 'a', '--', 'true')
            self.refused(sentence, 'register', '--package', self.package.family, *options, 'a')
        self.refused('--on ToastNotificationActionTrigger', 'register', '--on', 'login', '--action', '*', 'a')
        self.assertEqual(self.broker.tasks(), [])

    def test_what_has_an_effect_is_taken(self):
        for i, options in enumerate(GOOD):
            self.good('add', *options, f'a{i}', '--', 'true')
            self.good('register', '--package', self.package.family, *options, f'a{i}')
        rows = {row['name']: row for row in self.broker.tasks()}
        self.assertEqual(rows['a0']['trigger'][1]['maximum-delay'], 60 * 1000000)

    def test_edit_judges_what_the_task_will_be(self):
        self.good('add', '--files', '/usr', 'files', '--', 'true')
        self.good('add', *EVERY, '--when', 'ac', '--retry', '2', '--catch-up', 'all', 'timer', '--', 'true')
        before = self.broker.tasks()
        for options in (('--delay', '5s'), ('--maximum-delay', '5s'), ('--flat',), ('--tracker',)):
            self.refused(FILES, 'edit', 'files', *options)
        self.refused('no interval', 'edit', 'files', '--window', '5s')
        self.refused(TIMER, 'edit', 'files', '--catch-up', 'none')
        self.refused(TIMER, 'edit', 'timer', '--on', 'login', '--catch-up', 'none')
        self.refused(CONDITION, 'edit', 'timer', '--when', '', '--deadline', '1d')
        self.refused('nothing that is to be changed', 'edit', 'timer')
        self.refused('nothing that is to be changed', 'edit', '--json', '--package', 'commands', 'timer')
        self.refused('give one of them', 'edit', 'timer', '--notify-failure', '--no-notify-failure')
        self.refused('give one of them', 'edit', 'timer', '--cancel-on-condition-loss',
                     '--no-cancel-on-condition-loss')
        self.assertEqual(self.broker.tasks(), before)
        self.good('edit', 'timer', '--window', '1m', '--deadline', '1d', '--retry-backoff', '1m', '--catch-up-window',
                  '1d', '--cancel-on-condition-loss')
        self.good('edit', 'timer', '--when', '', '--deadline', '0', '--no-cancel-on-condition-loss')
        self.good('edit', 'files', '--files', '/usr', '--delay', '5s')

    def test_of_a_task_of_a_package_what_only_commands_have_is_refused(self):
        self.broker.register(Package(self.broker, name='Test.Other'), 'other')
        for option, value in (('--env', 'A=1'), ('--dir', '/usr'), ('--memory', '1G'), ('--cpu', '50'),
                              ('--tasks', '5')):
            self.refused(COMMAND, 'edit', 'other', option, value)
