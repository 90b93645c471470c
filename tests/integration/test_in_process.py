# SPDX-License-Identifier: MIT
"""In-process tasks: latched until a process of their package takes them, and delivered to it."""

from harness import ByHand, Running

HOST = ''
MULTIPLEUSE = 1


class InProcess(Running):
    def task(self, name='in-process', **options):
        return self.broker.register(self.package, name, clsid=None, **options)

    def host(self):
        host = ByHand(self.broker, self.package, clsid=None)
        host.cookie = host.call('RegisterClass', 'su', HOST, MULTIPLEUSE)
        return host

    def test_a_firing_is_latched_until_a_process_takes_it(self):
        task = self.task()
        result, run = self.broker.request(task, word=('s', 'hello'))
        self.assertEqual(result, 0)
        self.assertIn('no-host', self.codes(task))
        host = self.host()
        call = host.client.next_call('Run')
        self.assertEqual((call.body[0], call.body[2], call.body[5]), (run, HOST, 'in-process'))
        self.assertEqual(call.body[7], {'word': 'hello'})
        host.client.answer(call)
        host.complete(run, 1)
        self.assert_outcome(self.broker.ended(run), 'completed')

    def test_no_process_is_launched_for_it(self):
        task = self.task()
        self.broker.run(task)
        self.assertEqual(self.broker.status()['servers'], 0)
        self.assertEqual([row['state'] for row in self.broker.runs(task)], ['pending'])

    def test_its_registration_group_is_told(self):
        run = self.broker.run(self.task(group=('s', 'sync')))
        host = self.host()
        call = host.client.next_call('Run')
        self.assertEqual((call.body[0], call.body[8]['group']), (run, 'sync'))
        host.client.answer(call)
        host.complete(run, 1)
        self.broker.ended(run)

    def test_the_newest_process_takes_it_and_after_its_end_the_one_before(self):
        task = self.task(overlap=('s', 'parallel'))
        older, newer = self.host(), self.host()
        first = self.broker.run(task)
        self.assertEqual(newer.next_run(), (first, 1))
        newer.close()
        self.assert_outcome(self.broker.ended(first), 'abandoned')
        second = self.broker.run(task)
        self.assertEqual(older.next_run(), (second, 1))
        older.complete(second, 1)
        self.assert_outcome(self.broker.ended(second), 'completed')

    def test_a_process_that_revokes_takes_no_more(self):
        host = self.host()
        host.call('RevokeClass', 'u', host.cookie)
        task = self.task()
        self.broker.run(task)
        self.assertIn('no-host', self.codes(task))

    def test_a_latched_firing_survives_the_broker(self):
        _, run = self.broker.request(self.task())
        self.broker.restart()
        self.assertEqual(self.host().next_run(), (run, 1))
