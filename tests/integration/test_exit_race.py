# SPDX-License-Identifier: MIT
"""A server that exits the moment after Complete: the outcome always counts."""

from harness import Case, Package, times


class ExitRace(Case):
    broker_options = {'test_clock': False}

    def test_a_server_that_exits_right_after_complete_has_completed_ten_thousand_times(self):
        package = Package(self.broker, arguments='--no-threads')
        task = self.broker.register(package, 'quit', overlap=('s', 'buffer-one'))
        for i in range(times(10000)):
            ended = self.broker.outcome(task)
            self.assertEqual(ended['outcome'], 'completed', (i, ended))
