# SPDX-License-Identifier: MIT
"""Files that change: the real inotify, the real broker, and what the task is told of it."""

import os
import pathlib
import shutil
import signal
import tempfile
import unittest

from harness import ByHand, MINUTE, Running, SECOND, eventually

KIND = 'StorageLibraryContentChangedTrigger'
# So many events the kernel keeps for who does not read them.
EVENTS_MAX = int(pathlib.Path('/proc/sys/fs/inotify/max_queued_events').read_text(encoding='ascii'))


class Files(Running):
    broker_options = {'test_clock': False}

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix='bgf-')).resolve()
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.server = ByHand(self.broker, self.package)
        self.n_marks = 0

    def watch(self, *paths, name='files', delay=SECOND // 20, maximum=MINUTE, recursive=True, **options):
        trigger = KIND, {'paths': ('as', [str(path) for path in paths or (self.root,)]), 'delay': ('t', delay),
                         'maximum-delay': ('t', maximum), 'recursive': ('b', recursive)}
        return self.task(name, trigger, **options)

    def next_told(self):
        """The task and the details of the next run, which ends."""
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        return call.body[5], call.body[7]

    def below_root(self, details):
        self.assertFalse(details['everything'], details)
        return {os.path.relpath(path, self.root) for path in details['paths']}

    def changed(self):
        """The paths of the next run, below the root. A change may be told in two runs: it is several events."""
        return sorted(self.below_root(self.next_told()[1]))

    def told(self, *names):
        """What each of the tasks is told of all that has changed until now; nothing of it comes later. The mark that
        says where it ends is a single event, as a file would not be."""
        found = {name: set() for name in names or ('files',)}
        self.n_marks += 1
        mark = f'mark-{self.n_marks}'
        (self.root / mark).symlink_to('nowhere')
        while not all(mark in paths for paths in found.values()):
            name, details = self.next_told()
            found[name] |= self.below_root(details)
        return [sorted(paths - {mark}) for paths in found.values()]

    def settled(self):
        """Waits until the tree is watched in whole: a file made in its deepest folder is told of."""
        deepest = max((path for path in self.root.rglob('*') if path.is_dir()), default=self.root,
                      key=lambda path: len(path.parts))
        eventually(lambda: self.touch_and_see(deepest / 'probe'))

    def touch_and_see(self, path):
        path.touch()
        paths, = self.told()
        return str(path.relative_to(self.root)) in paths

    def test_what_changes_below_a_folder_is_told_once_it_pauses(self):
        (self.root / 'a' / 'b').mkdir(parents=True)
        self.watch()
        self.settled()
        (self.root / 'one').write_text('1', encoding='ascii')
        (self.root / 'a' / 'b' / 'two').write_text('2', encoding='ascii')
        (self.root / 'a' / 'b' / 'two').write_text('3', encoding='ascii')
        self.assertEqual(self.told(), [['a/b/two', 'one']])
        (self.root / 'one').unlink()
        (self.root / 'a' / 'b' / 'two').rename(self.root / 'a' / 'three')
        self.assertEqual(self.told(), [['a/b/two', 'a/three', 'one']])

    def test_a_change_tracker_is_told_beside_a_content_trigger_of_the_same_folder(self):
        paths = {'paths': ('as', [str(self.root)]), 'delay': ('t', SECOND // 20)}
        self.task('tracker', ('StorageLibraryChangeTrackerTrigger', paths))
        self.task('content', (KIND, paths))
        (self.root / 'one').touch()
        self.assertEqual(self.told('tracker', 'content'), [['one'], ['one']])
        rows = {row['name']: row['trigger'][0] for row in self.broker.tasks()}
        self.assertEqual(rows, {'tracker': 'StorageLibraryChangeTrackerTrigger', 'content': KIND})

    def test_folders_that_come_are_watched_and_those_that_go_are_not(self):
        self.watch()
        self.settled()
        (self.root / 'new' / 'deep').mkdir(parents=True)
        (self.root / 'new' / 'deep' / 'file').touch()
        self.assertIn('new', self.told()[0])
        eventually(lambda: self.touch_and_see(self.root / 'new' / 'deep' / 'later'))
        away = pathlib.Path(tempfile.mkdtemp(prefix='bgf-'))
        self.addCleanup(shutil.rmtree, away)
        (self.root / 'new').rename(away / 'new')
        self.assertEqual(self.told(), [['new']])
        (away / 'new' / 'deep' / 'unseen').touch()
        (self.root / 'seen').touch()
        self.assertEqual(self.told(), [['seen']])

    def test_one_file_is_watched_through_its_replacement(self):
        path = self.root / 'config'
        path.touch()
        (self.root / 'other').touch()
        self.watch(path)
        (self.root / 'other').write_text('no', encoding='ascii')
        for text in ('one', 'two'):
            (self.root / 'new').write_text(text, encoding='ascii')
            (self.root / 'new').rename(path)
            self.assertEqual(self.changed(), ['config'])
        path.unlink()
        self.assertEqual(self.changed(), ['config'])

    def test_what_does_not_exist_yet_is_seen_when_it_comes_and_again_after_it_went(self):
        path = self.root / 'a' / 'b' / 'c'
        self.watch(path)
        for _ in range(2):
            path.mkdir(parents=True)
            eventually(lambda: 'a/b/c' in self.changed())
            (path / 'file').touch()
            eventually(lambda: 'a/b/c/file' in self.changed())
            shutil.rmtree(self.root / 'a')
            eventually(lambda: 'a/b/c' in self.changed())

    def test_without_recursion_only_the_folder_itself_counts(self):
        (self.root / 'below').mkdir()
        self.watch(recursive=False)
        (self.root / 'below' / 'file').touch()
        (self.root / 'file').touch()
        self.assertEqual(self.told(), [['file']])

    def test_a_held_firing_collects_what_changes_meanwhile(self):
        task = self.watch(conditions=['UserPresent'])
        for name in ('one', 'two', 'one'):
            before = self.broker.runs(task)
            (self.root / name).write_text('x', encoding='ascii')
            eventually(lambda: [row['count'] for row in self.broker.runs(task)] != [row['count'] for row in before])
        self.assertEqual(self.watch(if_exists='update'), task)
        self.assertEqual(self.changed(), ['one', 'two'])

    def test_a_maximum_delay_ends_the_wait_for_a_pause(self):
        self.watch(delay=SECOND, maximum=2 * SECOND)
        call = None
        while call is None:
            (self.root / 'file').write_text('x', encoding='ascii')
            call = self.server.client.poll_call('Run', 0.05)
        self.assertEqual(call.body[7]['paths'], [str(self.root / 'file')])
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])

    def test_too_much_to_say_is_everything(self):
        self.watch(delay=SECOND // 2)
        folder = self.root / ('long' * 50)
        folder.mkdir()
        for i in range(500):
            (folder / f'{"x" * 200}{i}').touch()
        eventually(lambda: self.next_told()[1]['everything'])

    def test_a_storm_of_100000_changes_is_one_firing_and_holds_up_nobody(self):
        self.watch(delay=SECOND)
        path = self.root / 'file'
        for i in range(50_000):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
            if i % 1000 == 0:
                os.rename(path, self.root / f'file{i}')
        other = self.task('ok')
        self.broker.request(other)
        told = {}
        while set(told) != {'ok', 'files'}:
            name, details = self.next_told()
            told.setdefault(name, details)
        self.assertTrue(told['files']['everything'] or str(path) in told['files']['paths'])

    @unittest.skipIf(EVENTS_MAX > 100_000, 'the kernel keeps too many events for one to be lost')
    def test_what_the_kernel_has_lost_is_everything_to_all_who_watch(self):
        names = [f'files{i}' for i in range(70)]
        for name in names:
            (self.root / name).mkdir()
            self.watch(self.root / name, name=name)
        one, other = self.root / names[0] / 'one', self.root / names[0] / 'other'
        one.touch()
        os.kill(self.broker.process.pid, signal.SIGSTOP)
        for _ in range(EVENTS_MAX // 4 + 1):
            one.rename(other)
            other.rename(one)
        os.kill(self.broker.process.pid, signal.SIGCONT)
        told = set()
        while told != set(names):
            name, details = self.next_told()
            if details['everything']:
                told.add(name)
        # They are watched as before.
        (self.root / names[-1] / 'new').touch()
        told = None, {}
        while told[0] != names[-1]:
            told = self.next_told()
        self.assertEqual(self.below_root(told[1]), {f'{names[-1]}/new'})

    def test_names_that_are_no_text_are_told_by_their_folder(self):
        self.watch()
        with open(os.fsencode(self.root) + b'/\xff\xfe', 'wb'):
            pass
        self.assertEqual(self.changed(), ['.'])

    def test_two_tasks_may_watch_the_same_and_one_may_stop(self):
        self.watch(name='one')
        second = self.watch(self.root, self.root / 'missing', name='two')
        (self.root / 'file').write_text('1', encoding='ascii')
        self.assertEqual(self.told('one', 'two'), [['file'], ['file']])
        self.broker.call('Unregister', 'sb', second, False)
        (self.root / 'file').write_text('2', encoding='ascii')
        self.assertEqual(self.told('one'), [['file']])

    def test_a_registration_survives_a_restart_and_is_shown_as_it_was_made(self):
        done = self.broker.bgtask('register', '--files', f'{self.root}:{self.root}/x', '--flat', '--delay', '50ms',
                                  'cli')
        self.assertEqual(done.status, 0, done.err)
        self.server.close()
        self.broker.restart()
        self.server = ByHand(self.broker, self.package)
        kind, properties = self.broker.tasks()[0]['trigger']
        self.assertEqual(kind, KIND)
        self.assertEqual(properties['paths'], [str(self.root), f'{self.root}/x'])
        self.assertEqual((properties['recursive'], properties['delay']), (False, SECOND // 20))
        self.assertIn(str(self.root), self.broker.bgtask('list').out)
        (self.root / 'file').touch()
        self.assertEqual(self.changed(), ['file'])

    def test_paths_that_are_none_are_refused(self):
        for path, words in (('relative', 'absolute'), ('/a/../b', 'shortest'), ('/a/', 'shortest'), ('', 'absolute'),
                            ('/a\nb', 'characters')):
            self.assert_refused('InvalidArgument', words, by=lambda p=path: self.watch(p))
        self.assert_refused('InvalidArgument', 'paths', by=lambda: self.task('none', (KIND, {})))
        self.assert_refused('InvalidArgument', 'delay', by=lambda: self.watch(delay=2, maximum=1))
        self.assert_refused('InvalidArgument', '64', by=lambda: self.watch(*[f'/x{i}' for i in range(65)]))

    @unittest.skipIf(os.getuid() == 0, 'root may read everything')
    def test_why_names_a_folder_that_cannot_be_watched(self):
        (self.root / 'secret').mkdir(mode=0)
        task = self.watch(self.root / 'secret')
        eventually(lambda: 'secret is not watched' in self.broker.why(task)['waiting-for-trigger'][0])


if __name__ == '__main__':
    unittest.main()
