# SPDX-License-Identifier: MIT
"""A distributor of UnifiedPush for the tests, which does what it is told over org.bgtask.Test. Started as a program.

distributor.py NAME VERSION: NAME is the end of its name on the bus, VERSION that of its interfaces, 1 or 2.
"""

import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

TEST = 'org.bgtask.Test'
PREFIX = 'org.unifiedpush.Distributor.'
PATH = '/org/unifiedpush/Distributor'
CONNECTOR_PATH = '/org/unifiedpush/Connector'
SUCCEEDED, FAILED = 'REGISTRATION_SUCCEEDED', 'REGISTRATION_FAILED'


class Distributor(dbus.service.Object):
    def __init__(self, bus, version):
        super().__init__(bus, PATH)
        self.bus = bus
        self.connector = f'org.unifiedpush.Connector{version}'
        self.version = version
        self.apps = {}
        self.log = []
        self.number = 0
        self.answer = SUCCEEDED, ''

    def call(self, token, member, signature, arguments, done=None, failed=None, app=None):
        """Calls the connector of a token, or another one."""
        self.bus.call_async(app or self.apps[token], CONNECTOR_PATH, self.connector, member, signature, arguments,
                            done or (lambda *_: None), failed or (lambda *_: None))

    def tell_endpoint(self, token, endpoint, app=None):
        if self.version == 1:
            self.call(token, 'NewEndpoint', 'ss', (token, endpoint), app=app)
        else:
            self.call(token, 'NewEndpoint', 'a{sv}', ({'token': token, 'endpoint': endpoint},), app=app)

    def register(self, app, token, description):
        self.log.append(f'register {token} {description}')
        if self.answer[0] == SUCCEEDED:
            self.apps[token] = app
            self.number += 1
            self.tell_endpoint(token, f'https://push.example/{self.number}')
        return self.answer

    def unregister(self, token):
        self.log.append(f'unregister {token}')
        self.apps.pop(token, None)

    @dbus.service.method(TEST, in_signature='ss')
    def Answer(self, success, reason):
        """What registrations are answered with from now on."""
        self.answer = success, reason

    @dbus.service.method(TEST, out_signature='as')
    def Log(self):
        return self.log

    @dbus.service.method(TEST, in_signature='ssays', out_signature='s', async_callbacks=('done', 'failed'))
    def Push(self, app, token, message, number, done, failed):
        """Sends a message; returns its id as the connector gives it back, when it does."""
        if self.version == 1:
            arguments, signature = (token, message, number), 'says'
        else:
            arguments, signature = ({'token': token, 'message': message, 'id': number},), 'a{sv}'
        self.call(token, 'Message', signature, arguments, app=app,
                  done=lambda *result: done(str(result[0].get('id', '')) if result else ''), failed=failed)

    @dbus.service.method(TEST, in_signature='sss')
    def Endpoint(self, app, token, endpoint):
        self.tell_endpoint(token, endpoint, app)

    @dbus.service.method(TEST, in_signature='s')
    def Drop(self, token):
        """As if its user had taken the registration away."""
        if self.version == 1:
            self.call(token, 'Unregistered', 's', (token,))
        else:
            self.call(token, 'Unregistered', 'a{sv}', ({'token': token},))


class Distributor1(Distributor):
    @dbus.service.method('org.unifiedpush.Distributor1', in_signature='sss', out_signature='ss')
    def Register(self, app, token, description):
        return self.register(str(app), str(token), str(description))

    @dbus.service.method('org.unifiedpush.Distributor1', in_signature='s')
    def Unregister(self, token):
        self.unregister(str(token))


class Distributor2(Distributor):
    @dbus.service.method('org.unifiedpush.Distributor2', in_signature='a{sv}', out_signature='a{sv}')
    def Register(self, arguments):
        said = {key: str(value) for key, value in arguments.items()}
        success, reason = self.register(said['service'], said['token'], said['description'])
        return {'success': success} | ({'reason': reason} if reason else {})

    @dbus.service.method('org.unifiedpush.Distributor2', in_signature='a{sv}', out_signature='a{sv}')
    def Unregister(self, arguments):
        self.unregister(str(arguments['token']))
        return dbus.Dictionary({}, signature='sv')


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    held = (Distributor1 if sys.argv[2] == '1' else Distributor2)(bus, int(sys.argv[2]))
    name = dbus.service.BusName(PREFIX + sys.argv[1], bus)
    GLib.MainLoop().run()
    del held, name


if __name__ == '__main__':
    main()
