#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""terminal.py KTSTR - a user of `ktstr shell`. Prints "ok WORDS" or "not ok WORDS" a fact."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

KTSTR = sys.argv[1]
LIMIT_S = 60
PROMPT = b"ktstr:/# "


class Shell:
    """ktstr under a pseudo-terminal of 33 rows and 101 columns."""

    def __init__(self, mode=None):
        self.master, self.slave = pty.openpty()
        self.resize(33, 101)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.process = subprocess.Popen(
            [KTSTR, "shell"], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            preexec_fn=self.lead, env=dict(os.environ, TERM="vt100", **({"KTSTR_MODE": mode} if mode else {})))

    def lead(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, text):
        """Read until text comes; what came before it is dropped with it."""
        end = time.monotonic() + LIMIT_S
        while text not in self.seen:
            if time.monotonic() > end:
                print("terminal: no", text, "in", self.seen, file=sys.stderr)
                return False
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)
            elif self.process.poll() is not None:
                print("terminal: ended before", text, "with", self.seen, file=sys.stderr)
                return False
        self.seen = self.seen.split(text, 1)[1]
        return True

    def type(self, text):
        os.write(self.master, text)

    def says(self, command, answer):
        self.type(command + b"\r")
        return self.wait_for(b"\r\n" + answer + b"\r\n") and self.wait_for(PROMPT)

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def ends(self, status):
        """It ends with this status and leaves the terminal as it was."""
        end = time.monotonic() + LIMIT_S
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)
        same = termios.tcgetattr(self.slave) == self.before
        if self.process.returncode != status or not same:
            print("terminal: status", self.process.returncode, "restored", same, self.seen, file=sys.stderr)
        self.process.kill()
        return self.process.returncode == status and same


def fact(words, holds):
    print("ok" if holds else "not ok", words, flush=True)


def qemu_of(shell):
    found = subprocess.run(["pgrep", "-P", str(shell.process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


shell = Shell()
fact("a prompt appears, with a line about the machine before it",
     shell.wait_for(b"1n1l1c1t, 256 MiB, kernel ") and shell.wait_for(PROMPT) and shell.raw())
fact("the terminal has the host's size", shell.says(b"stty size", b"33 101"))
fact("and its type", shell.says(b"echo $TERM", b"vt100"))
shell.resize(44, 99)
time.sleep(2)
fact("a new size arrives", shell.says(b"stty size", b"44 99"))
shell.type(b"sleep 1000\r")
time.sleep(1)
shell.type(b"\x03")
fact("Ctrl-C reaches the guest's job", shell.wait_for(PROMPT) and shell.says(b"echo st$?", b"st130"))
shell.type(b"exit 9\r")
fact("exit 9 is exit status 9, the terminal is restored", shell.ends(9))

for words, act, status in (
    ("a QEMU that was killed", lambda s: [os.kill(pid, signal.SIGKILL) for pid in qemu_of(s)], 3),
    ("Ctrl-A x", lambda s: s.type(b"\x01x"), 130),
    ("SIGTERM", lambda s: os.kill(s.process.pid, signal.SIGTERM), 130),
    ("SIGHUP", lambda s: os.kill(s.process.pid, signal.SIGHUP), 130),
    ("an abort", lambda s: os.kill(s.process.pid, signal.SIGABRT), -signal.SIGABRT),
    ("Ctrl-D", lambda s: s.type(b"\x04"), 0),
):
    shell = Shell()
    ready = shell.wait_for(PROMPT) and shell.raw()
    act(shell)
    fact("%s ends it with %d and a restored terminal" % (words, status), ready and shell.ends(status))

shell = Shell("det")
ready = shell.wait_for(PROMPT) and shell.says(b"echo $((6*7))", b"42")
[qemu] = qemu_of(shell)
used = cpu_seconds(qemu)
time.sleep(3)
used = cpu_seconds(qemu) - used
fact("an idle shell in det leaves the host its CPU (used %.1f s of 3)" % used,
     ready and used < 1.5 and os.sched_getscheduler(qemu) == os.SCHED_OTHER)
shell.type(b"exit 5\r")
fact("a shell in det is one too, and exit 5 ends it", shell.ends(5) and ready)

shell = Shell()
shell.type(b"echo early$((1+1))\r")
fact("what was typed before the prompt is not lost", shell.wait_for(b"\r\nearly2\r\n"))
shell.type(b"\x04")
shell.ends(0)
