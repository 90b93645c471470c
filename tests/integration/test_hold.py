# SPDX-License-Identifier: MIT
"""What a person holds back: a task that is paused, and a time that is skipped."""

from harness import Case, Package

TIME = ('TimeTrigger', {'freshness-minutes': ('u', 15)})


class Hold(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)

    def ok(self, *args):
        done = self.broker.bgtask(*args)
        self.assertEqual((done.status, done.err), (0, ''))
        return done

    def test_pause_holds_a_task_and_resume_lets_it_go(self):
        task = self.broker.register(self.package, 'ok', TIME)
        self.assertEqual(self.ok('pause', 'ok').out, 'paused ok\n')
        self.assertEqual(self.ok('list', '--json').json[0]['state'], 'paused')
        self.broker.advance(30 * 60)
        self.assertEqual(self.broker.history(), [])
        self.assertIn('bgtask resume', self.ok('why', 'ok').out)
        self.assertEqual(self.ok('resume', '--json', 'ok').json, {'resumed': task})
        self.assertEqual(self.broker.next_end()['outcome'], 'completed')

    def test_skip_leaves_one_time_out_and_says_so(self):
        task = self.broker.register(self.package, 'ok', TIME)
        self.assertRegex(self.ok('skip', 'ok').out, r'^ok is skipped the next time, .+ \(in 15 min\)$')
        self.assertRegex(self.ok('list').out, r'ok +waiting +.* in 15 min \(skipped\) ')
        self.assertIn('bgtask skip --undo', self.ok('why', 'ok').out)
        self.assertEqual(self.ok('skip', '--undo', '--json', 'ok').json, {'not-skipped': task})
        self.assertEqual(self.ok('skip', '--json', 'ok').json, {'skipped': task})
        self.broker.kill()
        self.broker.start()
        self.assertTrue(self.ok('show', '--json', 'ok').json['skip-next'])
        self.broker.advance(15 * 60)
        self.assertEqual(self.broker.next_end()['detail'], 'skipped')
        self.assertEqual([record['outcome'] for record in self.broker.history()], ['not-started'])
        self.assertIn('this time was to be skipped', self.ok('history').out)
        self.assertFalse(self.ok('show', '--json', 'ok').json['skip-next'])
        self.broker.advance(15 * 60)
        self.assertEqual(self.broker.next_end()['outcome'], 'completed')
        self.broker.register(self.package, 'asked', ('ApplicationTrigger', {}))
        refused = self.broker.bgtask('skip', 'asked')
        self.assertEqual(refused.status, 1)
        self.assertIn('never fires by itself', refused.err)

    def test_a_paused_package_holds_its_tasks_over_its_update(self):
        self.broker.register(self.package, 'ok', TIME)
        family = self.package.family
        self.assertEqual(self.ok('pause', family).out, f'paused all tasks of {family}\n')
        self.assertEqual(self.ok('list', '--json').json[0]['state'], 'paused')
        self.assertRegex(self.ok('packages').out, r' 1 \(paused\) ')
        since = self.ok('show', '--json', 'ok').json['package-paused-since']
        self.assertEqual(self.ok('packages', '--json').json[0]['paused-since'], since)
        self.broker.kill()
        self.broker.start()
        self.package.version = '1.0.0.1'
        self.package.write(self.package.manifest())
        self.package.install()
        self.assertIn(f'bgtask resume --package {family}', self.ok('why', 'ok').out)
        self.assertRegex(self.ok('why', 'ok').out, f'its package {family} is paused since ')
        self.broker.advance(15 * 60)
        self.assertEqual(self.broker.history(), [])
        held = [step for step in self.ok('plan', '--json').json['steps'] if step['what'] == 'held']
        self.assertIn('is paused since', held[0]['reasons'][0])
        self.assertEqual(self.ok('resume', '--json', '--package', family).json, {'resumed': family})
        self.assertEqual(self.broker.next_end()['outcome'], 'completed')
        self.assertNotIn('package-paused-since', self.ok('show', '--json', 'ok').json)

    def test_the_pause_of_a_label_outlives_its_last_task_and_whoever_adds_one_is_told(self):
        self.ok('add', '--package', 'nightly', '--every', '1h', 'a', '--', 'true')
        self.ok('pause', '--package', 'nightly')
        done = self.broker.bgtask('export')
        self.assertEqual(done.status, 0)
        self.assertIn('nightly is paused here, which is not exported', done.err)
        self.ok('rm', 'a')
        for verb in (('add', 'a'), ('edit', 'a')):
            done = self.broker.bgtask(verb[0], '--package', 'nightly', '--every', '2h', verb[1], '--', 'true')
            self.assertEqual(done.status, 0)
            self.assertIn("nightly is paused: nothing of it runs until 'bgtask resume --package nightly'", done.err)
        self.ok('rm', 'a')
        self.ok('resume', '--package', 'nightly')
        self.ok('add', '--package', 'nightly', '--every', '1h', 'a', '--', 'true')
        self.assertEqual(self.broker.bgtask('export').err, '')
        self.ok('pause', '--package', self.package.family)
        done = self.broker.bgtask('register', '--package', self.package.family, '--every', '1h', 'b')
        self.assertIn(f'{self.package.family} is paused', done.err)

    def test_a_label_of_commands_is_paused_and_a_name_that_is_none_is_told(self):
        self.ok('add', '--package', 'nightly', '--every', '1h', 'a', '--', 'true')
        self.ok('add', '--package', 'nightly', '--every', '1h', 'nightly', '--', 'true')
        self.assertEqual(self.ok('pause', 'nightly').out, 'paused nightly\n')
        self.assertEqual(self.ok('pause', '--package', 'nightly').out, 'paused all tasks of nightly\n')
        self.assertEqual({row['state'] for row in self.ok('list', '--json').json}, {'paused'})
        refused = self.broker.bgtask('pause', 'nighty')
        self.assertEqual(refused.status, 3)
        self.assertIn("did you mean 'nightly'?", refused.err)
        refused = self.broker.bgtask('pause', '--package', 'none')
        self.assertEqual(refused.status, 3)
        self.ok('resume', '--package', 'nightly')
        self.assertEqual({row['name']: row['state'] for row in self.ok('list', '--json').json},
                         {'a': 'waiting', 'nightly': 'paused'})
