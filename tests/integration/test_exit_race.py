# SPDX-License-Identifier: MIT
"""A server that exits the moment after Complete: the outcome always counts."""

from harness import Case, Package, times

# Side by side, so that their outcomes share a commit: the disk would be most of the time.
PACKAGES = 16


class ExitRace(Case):
    broker_options = {'test_clock': False}

    def register(self, number):
        package = Package(self.broker, f'Test.App{number}', arguments='--no-threads')
        return self.broker.register(package, 'quit', overlap=('s', 'buffer-one'))

    def test_a_server_that_exits_right_after_complete_has_completed_ten_thousand_times(self):
        tasks = [self.register(number) for number in range(PACKAGES)]
        live = {self.broker.run(task) for task in tasks}
        left = times(10000) - PACKAGES
        while live:
            ended = self.broker.next_end()
            self.broker.watcher.forget_signals(but=['Completed'])
            self.assertEqual(ended['outcome'], 'completed', ended)
            live.remove(ended['run'])
            if left > 0:
                live.add(self.broker.run(ended['task']))
                left -= 1
