"""Runs a command in a terminal of its own: terminal.py ROWS COLUMNS COMMAND...

What is written to standard input is typed there, what the command shows comes to standard output; a message that begins with a zero
byte, `\\0resize ROWS COLUMNS`, changes the size. When the command has ended, a line of JSON on standard error says how, and whether the
terminal is as it was.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios

rows, columns, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
before = termios.tcgetattr(slave)


def own_terminal():
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, preexec_fn=own_terminal, close_fds=True)
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, lambda received, _frame: child.send_signal(received))

keyboard = [0]
while True:
    ready, _, _ = select.select([master] + keyboard, [], [], 0.05)
    if 0 in ready:
        typed = os.read(0, 4096)
        if not typed:
            keyboard = []
        elif typed.startswith(b'\x00resize '):
            rows, columns = map(int, typed.split()[1:3])
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
            os.killpg(child.pid, signal.SIGWINCH)
        else:
            os.write(master, typed)
    if master in ready:
        sys.stdout.buffer.write(os.read(master, 65536))
        sys.stdout.buffer.flush()
    elif child.poll() is not None:
        break

after = termios.tcgetattr(slave)
print(json.dumps({'code': child.returncode, 'restored': before == after}), file=sys.stderr)
