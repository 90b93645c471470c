# SPDX-License-Identifier: MIT
"""bgtask doctor, and the variables that servers are given."""

import pathlib

from harness import Case, Package, eventually, kill

TIME = ('TimeTrigger', {'freshness-minutes': ('u', 15)})


class Doctor(Case):
    def examine(self, status, **env):
        done = self.broker.bgtask('doctor', '--json', env=env)
        self.assertEqual((done.status, done.err), (status, ''), done.out)
        for finding in done.json:
            self.assertEqual(set(finding), {'level', 'check', 'text', 'remedy'})
            self.assertEqual(bool(finding['remedy']), finding['level'] != 'ok', finding)
        return {finding['check']: finding for finding in done.json if finding['level'] == 'broken'}, \
            {finding['check']: finding for finding in done.json}

    def test_a_sound_broker_has_nothing_broken(self):
        self.broker.register(Package(self.broker), 'ok', TIME)
        broken, all_ = self.examine(0)
        self.assertEqual(broken, {})
        self.assertEqual(set(all_), {'broker', 'socket', 'runtime folder', 'state folder', 'start', 'processes',
                                     'conditions', 'packages', 'tasks'})
        self.assertIn(str(self.broker.state), all_['state folder']['text'])
        self.assertRegex(self.broker.bgtask('doctor').out, r'(?m)^ok +tasks +1 registered$')

    def test_a_folder_that_others_can_enter_is_broken(self):
        self.broker.state.chmod(0o755)
        self.assertIn('others', self.examine(1)[0]['state folder']['text'])
        self.broker.state.chmod(0o700)
        self.examine(0)

    def test_a_condition_that_nothing_tells_is_broken_if_a_task_needs_it(self):
        self.broker.register(Package(self.broker), 'ok', TIME, ['OnACPower'])
        finding = self.examine(1)[0]['conditions']
        self.assertIn('OnACPower', finding['text'])
        self.broker.condition('OnACPower', 'false')
        self.examine(0)

    def test_a_package_whose_manifest_is_gone_is_broken_after_a_restart(self):
        package = Package(self.broker)
        (package.folder / 'AppxManifest.xml').unlink()
        self.broker.restart()
        broken, _ = self.examine(1)
        self.assertIn(package.family, broken['packages']['text'])
        self.assertIn('cannot serve', broken['broker']['text'])

    def test_a_task_whose_server_does_not_start_is_named(self):
        package = Package(self.broker, arguments='--exit 3')
        task = self.broker.register(package, 'ok', TIME)
        self.broker.run(task)
        eventually(lambda: 'backing-off' in self.broker.why(task))
        _, all_ = self.examine(0)
        self.assertEqual(all_['tasks']['level'], 'hint')
        self.assertRegex(all_['tasks']['text'], '^ok: its server failed to start')

    def test_without_a_broker_it_says_what_keeps_one_away(self):
        broken, all_ = self.examine(4, BGTASK_BUS='/nonexistent/bus')
        self.assertIn('no broker answers', broken['broker']['text'])
        self.assertIn('BGTASK_BUS is /nonexistent/bus', all_['socket']['text'])
        self.assertIn('BGTASK_AUTOSTART', all_['start']['text'])
        self.assert_fails(self.broker.bgtask('doctor', 'x'), 2, 'unexpected')


class Environment(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker).listen()
        self.task = self.broker.register(self.package, 'control')

    def environment(self):
        """Of a server that is started for it."""
        run = self.broker.run(self.task)
        talk = self.package.talk_of(run)
        variables = pathlib.Path(f'/proc/{talk.pid}/environ').read_bytes().decode().split('\0')
        talk.end()
        self.broker.ended(run)
        kill(talk.pid)
        eventually(lambda: self.broker.status()['servers'] == 0)
        return dict(variable.split('=', 1) for variable in variables if variable)

    def give(self, *names, status=0, **env):
        done = self.broker.bgtask('import-environment', *names, env=env)
        self.assertEqual(done.status, status, done.err)
        return done

    def test_servers_get_what_was_imported_and_nothing_else(self):
        before = self.environment()
        self.assertNotIn('DISPLAY', before)
        self.assertEqual(self.give('DISPLAY', 'LANG', DISPLAY=':1', LANG='C', OTHER='x').out,
                         'imported DISPLAY\nimported LANG\n')
        after = self.environment()
        self.assertEqual((after['DISPLAY'], after['LANG']), (':1', 'C'))
        self.assertNotIn('OTHER', after)

    def test_it_lasts_as_long_as_the_session_and_no_longer(self):
        self.give('DISPLAY', 'EDITOR', DISPLAY=':1', EDITOR='a b=c')
        self.give('DISPLAY', DISPLAY=':2')
        self.broker.restart()
        self.assertEqual([self.environment()[name] for name in ('DISPLAY', 'EDITOR')], [':2', 'a b=c'])
        self.assertEqual(self.give('EDITOR').out, 'forgot EDITOR\n')
        self.broker.restart()
        self.assertNotIn('EDITOR', self.environment())
        self.broker.reboot()
        self.assertNotIn('DISPLAY', self.environment())

    def test_what_was_never_imported_is_not_taken_away(self):
        self.broker.call('ImportEnvironment', 'a{ss}as', {}, ['PATH', 'NOTHING'])
        self.assertIn('PATH', self.environment())

    def test_wrong_variables_are_refused(self):
        self.assert_fails(self.give(status=2), 2, 'name the variables')
        self.assert_fails(self.give('A=b', status=2), 2, 'give the name only')
        self.assert_fails(self.give('BGTASK_FD', status=1, BGTASK_FD='3'), 1, 'BGTASK_ cannot be given')
        for name in ('', '1a', 'a b', 'ä'):
            self.assert_refused('InvalidArgument', 'letters',
                                by=lambda name=name: self.broker.call('ImportEnvironment', 'a{ss}as', {name: 'x'}, []))
        self.assert_refused('QuotaExceeded', by=lambda: self.broker.call('ImportEnvironment', 'a{ss}as',
                                                                         {'A': 'x' * 70000}, []))
        self.assert_refused('QuotaExceeded', by=lambda: self.broker.call(
            'ImportEnvironment', 'a{ss}as', {f'A{i}': 'x' for i in range(1001)}, []))
        self.assertEqual(self.broker.bgtask('import-environment', '--json', 'X', env={'X': 'y'}).json, {'X': 'y'})
