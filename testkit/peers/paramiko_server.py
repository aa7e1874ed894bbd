"""A server of the library paramiko that gives whoever has the right key a shell in a terminal, or one command.

usage: paramiko_server.py HOST_KEY AUTHORIZED_KEYS; prints its port.
"""

import fcntl
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import threading

import paramiko

SHELL = os.environ.get("SHELL", "/bin/sh")


def in_background(act, *arguments):
    threading.Thread(target=act, args=arguments, daemon=True).start()


def set_size(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Server(paramiko.ServerInterface):
    """What one connection may."""

    def __init__(self, authorized):
        self.authorized = authorized
        self.terminals = {}

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        known = key.get_base64() in self.authorized
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        session = kind == "session"
        return paramiko.OPEN_SUCCEEDED if session else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(self, channel, term, width, height, pixelwidth, pixelheight, modes):
        master, slave = pty.openpty()
        set_size(master, width, height)
        self.terminals[channel.get_id()] = (master, slave, term.decode())
        return True

    def check_channel_window_change_request(self, channel, width, height, pixelwidth, pixelheight):
        set_size(self.terminals[channel.get_id()][0], width, height)
        return True

    def check_channel_shell_request(self, channel):
        self.start(channel, ["-" + os.path.basename(SHELL)])
        return True

    def check_channel_exec_request(self, channel, command):
        self.start(channel, [SHELL, "-c", command.decode()])
        return True

    def start(self, channel, argv):
        terminal = self.terminals.get(channel.get_id())
        in_background(by_terminal if terminal else by_pipes, channel, argv, *(terminal or ()))


def by_terminal(channel, argv, master, slave, term):
    child = subprocess.Popen(
        argv,
        executable=SHELL,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": term},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    in_background(into, channel, lambda data: os.write(master, data), lambda: None)
    out_of(lambda: os.read(master, 32768), channel.sendall)
    finish(channel, child)


def by_pipes(channel, argv):
    pipe = subprocess.PIPE
    child = subprocess.Popen(argv, executable=SHELL, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
    in_background(into, channel, child.stdin.write, child.stdin.close)
    errors = threading.Thread(target=out_of, args=(lambda: child.stderr.read(32768), channel.sendall_stderr))
    errors.start()
    out_of(lambda: child.stdout.read(32768), channel.sendall)
    errors.join()
    finish(channel, child)


def into(channel, write, close):
    try:
        while data := channel.recv(32768):
            write(data)
        close()
    except OSError:
        pass


def out_of(read, send):
    try:
        while data := read():
            send(data)
    except OSError:
        pass


def finish(channel, child):
    try:
        channel.send_exit_status(child.wait() % 256)
        channel.close()
    except (OSError, EOFError, paramiko.SSHException):
        pass


def serve(client, host_key, authorized):
    transport = paramiko.Transport(client)
    transport.add_server_key(host_key)
    try:
        transport.start_server(server=Server(authorized))
    except (paramiko.SSHException, EOFError, OSError):
        return
    channels = []  # A channel that nobody holds is closed.
    while transport.is_active():
        channels.append(transport.accept(1))


def main():
    host_key = paramiko.Ed25519Key(filename=sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        authorized = {line.split()[1] for line in file if line.strip()}
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        in_background(serve, client, host_key, authorized)


main()
