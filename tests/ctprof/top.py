#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""top.py KTSTR - a user of `ktstr ctprof top`. Prints "ok WORDS" or "not ok WORDS" a fact."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

KTSTR = sys.argv[1]
LIMIT_S = 30
ENTER, LEAVE, HOME, END = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[H", b"\x1b[J"


class Top:
    """It under a pseudo-terminal; a frame is what it paints from HOME to END."""

    def __init__(self, *words, rows=30, columns=100, **env):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        env = dict(os.environ, TERM="xterm", **env)
        if "NO_COLOR" not in env:
            env.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [KTSTR, "ctprof", "top", "--interval", "0.3", *words], stdin=self.slave, stdout=self.slave,
            stderr=self.slave, preexec_fn=self.lead, env=env)

    def lead(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.rows, self.columns = rows, columns

    def read(self):
        if select.select([self.master], [], [], 0.1)[0]:
            self.seen += os.read(self.master, 65536)

    def frames(self):
        """Whole frames as lists of lines, without what steers the terminal."""
        whole = [frame for frame in self.seen.split(HOME)[1:] if frame.endswith(END)]
        return [re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", frame).decode().split("\r\n") for frame in whole]

    def wait_for(self, holds, what):
        """Until a frame holds; what came before and with it is dropped. The frame, or None."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and self.process.poll() is None:
            self.read()
            for frame in self.frames():
                if holds(frame):
                    self.seen = b"" if self.seen.endswith(END) else HOME + self.seen.rsplit(HOME, 1)[1]
                    return frame
        print("top: no frame with", what, "in", self.seen[-2000:], file=sys.stderr)
        return None

    def wait_status(self, text):
        return self.wait_for(lambda frame: text in frame[0], text)

    def type(self, text):
        os.write(self.master, text)

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def ends(self, status):
        """It ends with this status, and leaves terminal and screen as they were."""
        end = time.monotonic() + LIMIT_S
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        self.read()
        left = LEAVE in self.seen and b"\x1b[?25h" in self.seen and b"\x1b[?7h" in self.seen
        good = self.process.poll() == status and self.restored() and left
        if not good:
            print("top: status", self.process.poll(), "restored", self.restored(), "left", left, file=sys.stderr)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        return good


def fact(words, holds):
    print("ok" if holds else "not ok", words, flush=True)


def fits(frame, top):
    return frame is not None and len(frame) == top.rows and all(len(line) <= top.columns for line in frame)


top = Top()
frame = top.wait_for(lambda frame: frame[1].startswith("in "), "changes")
fact("groups and metrics are painted, and fit the terminal",
     frame is not None and fits(frame, top) and re.match(r"group +threads +run_time_ns", frame[2]))
fact("keys come one by one on a screen of its own", top.raw() and ENTER not in top.seen)
top.type(b">")
fact("> sorts by the next metric", top.wait_status("sorted by wait_time_ns"))
top.type(b"<")
fact("< by the one before", top.wait_status("sorted by run_time_ns"))
top.type(b"sminf\r")
frame = top.wait_status("sorted by minflt")
fact("s by one that is named, whose column is the first then", frame and re.match(r"group +threads +minflt", frame[2]))
top.type(b"snothing\r")
fact("and says when there is none",
     top.wait_for(lambda frame: frame[-1] == 'no metric of threads begins with "nothing"', "a note"))
top.type(b"r")
fact("r turns the order round", top.wait_status("least first"))
top.type(b"rg")
fact("g groups by the next key", top.wait_status("by cgroup  sorted by minflt"))
top.type(b"ggg")
fact("and comes round", top.wait_status("by all  "))
top.type(b"g/^kts\x7f\x7ftstr$\r")
frame = top.wait_status("/^ktstr$/")
fact("/ filters by a regular expression", frame and frame[3].startswith("ktstr ") and frame[4] == "")
top.type(b"/(\r")
fact("and says what is wrong with one", top.wait_for(lambda frame: "/(/: " in frame[-1], "a note"))
top.type(b"/\r")
fact("an empty one is none", top.wait_for(lambda frame: "/^ktstr$/" not in frame[0], "no filter"))
top.type(b"p")
frame = top.wait_status("[paused]")
time.sleep(1)
top.read()
fact("p pauses", frame and not top.frames())
top.type(b" ")
fact("and goes on", top.wait_for(lambda frame: "[paused]" not in frame[0], "no pause"))
top.type(b"+")
fact("+ makes the interval longer", top.wait_status("every 0.5 s"))
top.type(b"-")
fact("- shorter", top.wait_status("every 0.2 s"))
frame = top.wait_for(lambda frame: True, "a frame")
top.type(b"\x1b[B")
fact("the arrows scroll", top.wait_for(lambda later: later[3:] != frame[3:], "another first line"))
top.resize(20, 60)
frame = top.wait_for(lambda frame: len(frame) == 20, "20 rows")
fact("a smaller terminal is used as it is", fits(frame, top))
top.resize(40, 150)
frame = top.wait_for(lambda frame: len(frame) == 40, "40 rows")
fact("and a larger one, with more metrics", fits(frame, top) and len(frame[2].split()) >= 7)
os.kill(top.process.pid, signal.SIGTSTP)
end = time.monotonic() + LIMIT_S
while time.monotonic() < end and open("/proc/%d/stat" % top.process.pid).read().split(") ")[1][0] != "T":
    top.read()
top.read()
fact("Ctrl-Z stops it and gives the terminal back", top.restored() and LEAVE in top.seen)
top.seen = b""
os.kill(top.process.pid, signal.SIGCONT)
fact("and it comes back", top.wait_for(lambda frame: fits(frame, top), "a frame") and top.raw())
top.type(b"q")
fact("q ends it with 0 and a restored terminal", top.ends(0))

for words, act, status in (
    ("Ctrl-C", lambda t: t.type(b"\x03"), 130),
    ("SIGTERM", lambda t: os.kill(t.process.pid, signal.SIGTERM), 130),
    ("SIGHUP", lambda t: os.kill(t.process.pid, signal.SIGHUP), 130),
    ("an abort", lambda t: os.kill(t.process.pid, signal.SIGABRT), -signal.SIGABRT),
):
    top = Top()
    ready = top.wait_for(lambda frame: True, "a frame") and top.raw()
    act(top)
    fact("%s ends it with %d and a restored terminal" % (words, status), ready and top.ends(status))

top = Top(NO_COLOR="1")
ready = top.wait_for(lambda frame: frame[1].startswith("in "), "changes")
fact("NO_COLOR is honoured", ready and not re.search(rb"\x1b\[[0-9;]*m", top.seen))
top.type(b"q")
top.ends(0)
top = Top(rows=5, columns=24)
fact("a tiny terminal is survived", fits(top.wait_for(lambda frame: frame[1].startswith("in "), "changes"), top))
top.type(b"q")
fact("and left", top.ends(0))
