# SPDX-License-Identifier: MIT
"""bgtask plan: what it says will happen is what then happens, and asking changes nothing."""

from bus_client import CLOCK
from harness import Case, CLSID_2, DAY, HOUR, MINUTE, Package, SECOND, eventually


def interval(period, window=0, once=False):
    return 'interval', {'period': ('t', period), 'window': ('t', window), 'one-shot': ('b', once)}


class Plan(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)

    def plan(self, *args):
        done = self.broker.bgtask('plan', '--json', '--last', '1000', *args)
        self.assertEqual((done.status, done.err), (0, ''))
        return done.json

    def steps(self, *args, what='runs'):
        return [(step['time'], step['name']) for step in self.plan(*args)['steps'] if step['what'] == what]

    def go_to(self, time):
        """Lets time pass, and what has started end."""
        self.broker.call('Advance', 't', time - self.broker.now()[2], interface=CLOCK)
        eventually(lambda: self.broker.status()['live'] == 0)

    def register_some(self):
        for name, trigger, conditions in (
                ('hourly', interval(HOUR, 5 * MINUTE), []),
                ('often', interval(7 * MINUTE, MINUTE), []),
                ('windows', ('TimeTrigger', {'freshness-minutes': ('u', 20)}), []),
                ('once', interval(2 * HOUR, once=True), []),
                ('held', interval(90 * MINUTE), ['OnACPower']),
                ('calendar', ('calendar', {'expression': ('s', '*:7/25 UTC')}), []),
                ('never', ('SystemTrigger', {'type': ('s', 'UserPresent')}), [])):
            self.broker.register(self.package, name, trigger, conditions)
        self.broker.call('Pause', 'sb', self.broker.register(self.package, 'paused', interval(HOUR)), True)

    def test_what_it_says_is_what_then_happens(self):
        self.register_some()
        begin = self.broker.now()[2]
        planned = self.steps('4h')
        self.assertGreater(len(planned), 40)
        for time in sorted({time for time, _ in planned} | {begin + 4 * HOUR}):
            self.go_to(time)
        # On the test clock a run starts when it was sent.
        happened = [(record['started'], record['name']) for record in self.broker.history()]
        self.assertEqual(sorted(happened), sorted(planned))
        self.assertLess(planned[0][0], begin + HOUR)

    def test_what_is_held_says_why_once_and_until_it_runs(self):
        self.register_some()
        plan = self.plan('6h')
        held = {step['name']: step for step in plan['steps'] if step['what'] == 'held'}
        self.assertEqual(set(held), {'held', 'paused'})
        self.assertIn('OnACPower', held['held']['reasons'][0])
        self.assertEqual(held['paused']['reasons'], ['it is paused'])
        self.assertTrue(plan['complete'])
        self.assertEqual([name for _, name in self.steps('6h', what='held')].count('held'), 1)
        self.assertIn('OnACPower', self.broker.bgtask('plan').out)

    def test_a_skipped_time_is_in_it(self):
        task = self.broker.register(self.package, 'a', interval(HOUR))
        begin = self.broker.now()[2]
        self.broker.call('Skip', 'sb', task, True)
        self.assertEqual(self.steps('3h', what='skipped'), [(begin + HOUR, 'a')])
        self.assertEqual(self.steps('3h'), [(begin + 2 * HOUR, 'a'), (begin + 3 * HOUR, 'a')])
        self.assertRegex(self.broker.bgtask('plan', '3h').out, r'a +is skipped\n')

    def test_conditions_are_assumed_as_they_are_told(self):
        self.register_some()
        self.assertNotIn('held', [name for _, name in self.steps('3h')])
        self.assertIn('held', [name for _, name in self.steps('3h', 'OnACPower=true')])
        self.broker.condition('OnACPower', 'true')
        self.assertIn('held', [name for _, name in self.steps('3h')])
        self.assertNotIn('held', [name for _, name in self.steps('3h', 'OnACPower=false')])
        self.broker.condition('OnACPower', 'unknown')

    def test_one_task_or_package_is_planned_as_among_all(self):
        other = Package(self.broker, name='Test.Other', classes=(CLSID_2,))
        self.register_some()
        self.broker.register(other, 'other', interval(25 * MINUTE, 10 * MINUTE), clsid=CLSID_2)
        whole = self.steps('3h')
        self.assertEqual(self.steps('3h', '--task', 'hourly'), [step for step in whole if step[1] == 'hourly'])
        self.assertEqual(self.steps('3h', '--package', other.family), [step for step in whole if step[1] == 'other'])

    def test_asking_changes_nothing(self):
        self.register_some()
        self.go_to(self.broker.now()[2] + 2 * HOUR)
        eventually(lambda: not self.broker.tasks(name='once'))
        before = self.broker.everything()
        self.assertEqual(self.plan('7d'), self.plan('7d'))
        self.assertEqual(self.broker.everything(), before)

    def test_a_firing_that_waits_is_part_of_the_plan(self):
        self.register_some()
        now = self.broker.now()[2] + 2 * HOUR
        self.go_to(now)
        first = self.plan('1h', 'OnACPower=true')['steps'][0]
        self.assertEqual((first['name'], first['what'], first['time']), ('held', 'runs', now))

    def test_a_long_plan_says_that_there_is_more(self):
        self.broker.register(self.package, 'often', interval(SECOND))
        done = self.broker.bgtask('plan', '--last', '3')
        self.assertEqual((done.status, len(done.out.splitlines())), (0, 4))
        self.assertIn('there is more', done.err)
        self.assertFalse(self.plan('1d')['complete'])
        self.assertEqual(len(self.plan('1d')['steps']), 1000)

    def test_nothing_to_come_is_said(self):
        done = self.broker.bgtask('plan')
        self.assertEqual((done.status, done.out), (0, ''))
        self.assertIn('nothing will run', done.err)

    def test_wrong_requests_are_refused(self):
        for status, sentence, *args in (
                (2, "'soon' is no duration", 'soon'), (2, '100d', '101d'), (2, '100d', '0'),
                (2, 'CONDITION=LEVEL', '1h', '2h'), (2, 'OnACPower', '1h', 'Sunshine=true'),
                (1, 'true, false or unknown', '1h', 'OnACPower=maybe'), (2, '1 to 1000', '--last', '0'),
                (2, '1 to 1000', '--last', '1001'), (3, 'no task', '--task', 'nobody'),
                (3, 'no package', '--package', 'Nobody')):
            self.assert_fails(self.broker.bgtask('plan', *args), status, sentence)
        for options in ({'limit': ('u', 0)}, {'limit': ('u', 1001)}, {'assume': ('a{ss}', {'Sunshine': 'true'})},
                        {'assume': ('a{ss}', {'OnACPower': ''})}, {'volume': ('u', 1)}, {'task': ('s', 'x')}):
            self.assert_refused('NoSuchTask' if 'task' in options else 'InvalidArgument',
                                by=lambda options=options: self.broker.call('Plan', 'ta{sv}', DAY, options))
        self.assert_refused('InvalidArgument', by=lambda: self.broker.call('Plan', 'ta{sv}', 0, {}))
