"""A server of the library asyncssh that gives whoever has the right key a shell in a terminal, or one command.

usage: asyncssh_server.py HOST_KEY AUTHORIZED_KEYS; prints its port.
"""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios

import asyncssh


def set_size(terminal, size):
    columns, rows, _, _ = size
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


async def keys_to(terminal, process):
    while True:
        try:
            data = await process.stdin.read(4096)
        except asyncssh.TerminalSizeChanged:
            set_size(terminal, process.term_size)
            continue
        except (asyncssh.BreakReceived, asyncssh.SignalReceived):
            continue
        if not data:
            return
        os.write(terminal, data)


async def output_of(terminal, process):
    loop = asyncio.get_running_loop()
    while True:
        try:
            data = await loop.run_in_executor(None, os.read, terminal, 65536)
        except OSError:
            return
        if not data:
            return
        process.stdout.write(data)
        await process.stdout.drain()


def of_shell(process):
    shell = os.environ.get("SHELL", "/bin/sh")
    command = process.command
    return (shell, ["-" + os.path.basename(shell)]) if command is None else (shell, [shell, "-c", command])


async def in_terminal(process):
    shell, argv = of_shell(process)
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = process.term_type
        os.execv(shell, argv)
    set_size(terminal, process.term_size)
    keys = asyncio.create_task(keys_to(terminal, process))
    await output_of(terminal, process)
    keys.cancel()
    loop = asyncio.get_running_loop()
    _, status = await loop.run_in_executor(None, os.waitpid, child, 0)
    os.close(terminal)
    process.exit(os.waitstatus_to_exitcode(status))


async def keys_into(pipe, process):
    while data := await process.stdin.read(65536):
        pipe.write(data)
        await pipe.drain()
    pipe.close()


async def output_from(pipe, stream):
    while data := await pipe.read(65536):
        stream.write(data)
        await stream.drain()


async def by_pipes(process):
    shell, argv = of_shell(process)
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(shell, *argv[1:], stdin=pipe, stdout=pipe, stderr=pipe)
    keys = asyncio.create_task(keys_into(child.stdin, process))
    await asyncio.gather(output_from(child.stdout, process.stdout), output_from(child.stderr, process.stderr))
    status = await child.wait()
    keys.cancel()
    process.exit(status % 256)


async def serve(process):
    try:
        await (in_terminal(process) if process.term_type else by_pipes(process))
    except (asyncssh.Error, BrokenPipeError, ConnectionError):
        process.close()


async def main():
    host_key, authorized = sys.argv[1:]
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=authorized,
        process_factory=serve,
        encoding=None,
        line_editor=False,
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()


asyncio.run(main())
