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
        self.broker.advance(30 * 60)
        self.assertEqual(self.broker.next_end()['outcome'], 'completed')
        self.broker.register(self.package, 'asked', ('ApplicationTrigger', {}))
        refused = self.broker.bgtask('skip', 'asked')
        self.assertEqual(refused.status, 1)
        self.assertIn('never fires by itself', refused.err)
