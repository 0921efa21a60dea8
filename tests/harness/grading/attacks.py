"""Programs that try to be judged right without being right, or to do harm, each with its honest twin. Data; nothing here runs them.

All answer the same question, so that any grader can be asked: `double(x)` is 2x for 1, 20 and 300; as a program, read x and print 2x.
`ends`: the outcomes that the sandbox may report for the attack. `unheld`: the attack succeeds where nothing isolates it, which shows that
it is the sandbox that stops it.
"""

from __future__ import annotations

from dataclasses import dataclass

CALLS = [[1], [20], [300]]
EXPECTED = [2, 40, 600]
INPUTS = ["1\n", "20\n", "300\n"]
PRINTED = ["2\n", "40\n", "600\n"]


@dataclass(frozen=True)
class Attack:
    name: str
    kind: str  # call or stdio
    ends: tuple[str, ...]
    source: str
    honest: str
    unheld: bool = False


def _call(name: str, ends: str, attack: str, honest: str = "def double(x):\n    return 2 * x\n", unheld: bool = False) -> Attack:
    return Attack(name, "call", tuple(ends.split()), attack, honest, unheld)


def _stdio(name: str, ends: str, attack: str, honest: str = "print(2 * int(input()))\n") -> Attack:
    return Attack(name, "stdio", tuple(ends.split()), attack, honest)


ATTACKS = [
    # --- lying about equality ---------------------------------------------------------------------------------------------------------
    _call("an int that equals anything", "unserialisable", """
class E(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def double(x): return E(7)
""", """
class E(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def double(x): return int(E(2 * x))
"""),
    _call("an object that equals anything", "unserialisable", """
class E:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def double(x): return E()
"""),
    _call("a str that equals anything", "unserialisable", """
class S(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__
def double(x): return S("2")
"""),
    _call("a list with a liar inside", "unserialisable", """
class E(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
def double(x): return [E(0)]
"""),
    _call("a class that claims to be int", "unserialisable", """
class E:
    __class__ = int
    def __eq__(self, other): return True
    def __index__(self): return 1
def double(x): return E()
"""),
    # --- looking for the verdict or the answers ---------------------------------------------------------------------------------------
    _call("walks the stack for expected values", "error", """
import sys
def double(x):
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()) + list(frame.f_globals.items()):
            if name in ("expected", "outputs", "output", "plus", "base", "status", "stat", "ref", "exp", "results", "details"):
                return value
        frame = frame.f_back
    raise LookupError("no expected value on the stack")
""", """
import sys
def double(x):
    frame, depth = sys._getframe(), 0
    while frame:
        frame, depth = frame.f_back, depth + 1
    return 2 * x if depth else None
"""),
    _call("writes a status it finds on the stack and leaves", "crash", """
import sys, os
def double(x):
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if hasattr(value, "value") and type(value).__name__ in ("Synchronized", "c_uint"):
                value.value = 1
        frame = frame.f_back
    os._exit(0)
"""),
    _call("walks the garbage collector for expected values", "error", """
import gc
def double(x):
    for each in gc.get_objects():
        if type(each) is dict and any(key in each for key in ("expected", "expected_output", "plus_output", "base_output", "answers")):
            return each
        if type(each) is list and each[:1] == [2] and each[-1:] == [600]:
            return each[{1: 0, 20: 1, 300: 2}[x]]
    raise LookupError("no expected value in memory")
""", """
import gc
def double(x):
    gc.collect()
    return 2 * x
"""),
    _call("reads its own memory", "error", """
def double(x):
    with open("/proc/self/mem", "rb") as memory:
        return 2 * x
"""),
    _call("reads its parent's memory and environment", "error", """
import os
def double(x):
    open(f"/proc/{os.getppid()}/environ", "rb").read()
    open(f"/proc/{os.getppid()}/mem", "rb")
    return 2 * x
"""),
    # --- leaving early ----------------------------------------------------------------------------------------------------------------
    _call("sys.exit in a call", "crash", "import sys\ndef double(x): sys.exit(0)\n"),
    _call("os._exit in a call", "crash", "import os\ndef double(x): os._exit(0)\n"),
    _call("leaves while it is loaded", "crash", "import os\nos._exit(0)\ndef double(x): return 2 * x\n"),
    _call("answers at exit", "crash", """
import atexit, sys
atexit.register(lambda: print("ok passed", flush=True))
def double(x): raise SystemExit(0)
""", """
import atexit
atexit.register(lambda: print("bye", flush=True))
def double(x): return 2 * x
"""),
    _call("kills itself with a fault of memory", "crash", "import ctypes\ndef double(x): return ctypes.string_at(0)\n"),
    # --- forging ----------------------------------------------------------------------------------------------------------------------
    _call("prints a verdict", "ok", """
def double(x):
    print('["ok", 2]', "PASS", '{"status": "pass"}', flush=True)
    return None
""", """
def double(x):
    print("doubling", x)
    return 2 * x
"""),
    _call("writes a verdict to every descriptor before it is asked", "crash", """
import os
for descriptor in range(256):
    for payload in (b'{"t":["",  "ok", 2]}', b'["","ok",2]', b"pass"):
        try:
            os.write(descriptor, len(payload).to_bytes(4, "big") + payload)
        except OSError:
            pass
def double(x): return 2
"""),
    _call("answers twice, the second time for the next question", "crash", """
import os, sys
def double(x):
    frame = sys._getframe()
    while frame and "nonce" not in frame.f_locals:
        frame = frame.f_back
    nonce = frame.f_locals["nonce"] if frame else ""
    payload = ('{"t":["%s","ok",%d]}' % (nonce, 2 * x)).encode()
    os.write(3, len(payload).to_bytes(4, "big") + payload)
    return 2 * x
"""),
    _call("an answer without end", "crash", "import os\ndef double(x):\n    os.write(3, b'\\xff\\xff\\xff\\xff' + b'0' * 4096)\n    return 2 * x\n"),
    _call("an answer nested too deep to read", "crash", """
import os
def double(x):
    payload = b"[" * 200000 + b"]" * 200000
    os.write(3, len(payload).to_bytes(4, "big") + payload)
    return 2 * x
"""),
    _call("an answer whose members share a hash", "crash", """
import os, sys
def double(x):
    frame = sys._getframe()
    while frame and "nonce" not in frame.f_locals:
        frame = frame.f_back
    members = ",".join('{"i":"%s"}' % hex(each * (2 ** 61 - 1)) for each in range(20000))
    payload = ('{"t":["%s","ok",{"s":[%s]}]}' % (frame.f_locals["nonce"], members)).encode()
    data = len(payload).to_bytes(4, "big") + payload
    while data:
        data = data[os.write(3, data):]
    return 2 * x
"""),
    _call("patches the builtins", "unserialisable crash", """
import builtins
class E(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
builtins.all = builtins.any = builtins.isinstance = lambda *a: True
builtins.type = lambda *a: int
def double(x): return E(7)
""", """
import builtins
builtins.all = lambda *a: True
def double(x): return 2 * x
"""),
    _call("patches json", "ok crash", """
import json, json.encoder
json.dumps = json.loads = json.JSONEncoder.encode = json.encoder.JSONEncoder.encode = lambda *a, **k: '{"t":["","ok",true]}'
json.encoder.JSONEncoder.iterencode = lambda *a, **k: iter(['{"t":["","ok",true]}'])
def double(x): return True
""", """
import json
def double(x): return json.loads(json.dumps(2 * x))
"""),
    _call("patches the runner it was loaded by", "crash", """
import sys
for module in list(sys.modules.values()):
    for name in ("encode", "decode", "check", "compare", "assert_equal"):
        if hasattr(module, name):
            try:
                setattr(module, name, lambda *a, **k: b'{"t":["","ok",true]}')
            except (AttributeError, TypeError):
                pass
def double(x): return None
"""),
    _call("closes every descriptor", "crash", "import os\ndef double(x):\n    os.closerange(0, 256)\n    return 2 * x\n"),
    # --- files ------------------------------------------------------------------------------------------------------------------------
    _call("reads a file outside", "error", "def double(x):\n    open('/etc/passwd').read()\n    return 2 * x\n", """
def double(x):
    with open("own", "w") as file: file.write(str(x))
    with open("own") as file: return 2 * int(file.read())
""", unheld=True),
    _call("lists a folder outside", "error", "import os\ndef double(x):\n    os.listdir('/var')\n    return 2 * x\n", """
import os
def double(x):
    return 2 * x if os.listdir(".") == [] else 0
""", unheld=True),
    _call("writes outside", "error", """
def double(x):
    with open("/tmp/harness-attack-written", "w") as file: file.write("here")
    return 2 * x
""", """
import os, tempfile
def double(x):
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write(str(x)); file.seek(0)
        return 2 * int(file.read())
""", unheld=True),
    _call("writes into shared memory", "error", """
from multiprocessing import shared_memory
def double(x):
    shared_memory.SharedMemory("harness-attack", create=True, size=64)
    return 2 * x
"""),
    _call("a link to the outside in its own folder", "error", """
import os
def double(x):
    if not os.path.lexists("inside"): os.symlink("/etc/passwd", "inside")
    open("inside").read()
    return 2 * x
""", """
import os
def double(x):
    os.makedirs("a/b", exist_ok=True)
    with open("a/b/c", "w") as file: file.write(str(x))
    with open("a/../a/b/c") as file: return 2 * int(file.read())
""", unheld=True),
    _call("climbs out by ..", "error", "def double(x):\n    open('../' * 20 + 'etc/passwd').read()\n    return 2 * x\n", unheld=True),
    _call("changes the mode of a folder outside", "error", "import os\ndef double(x):\n    os.chmod('/', 0o755)\n    return 2 * x\n"),
    _call("one huge file", "error crash", """
def double(x):
    with open("big", "wb") as file:
        for _ in range(1 << 14): file.write(bytes(1 << 20))
    return 2 * x
"""),
    _call("many files that fill the disk", "error crash", """
def double(x):
    for each in range(1 << 20):
        with open(str(each), "wb") as file: file.write(bytes(1 << 20))
    return 2 * x
""", """
import os
def double(x):
    for each in range(20):
        with open(str(each), "wb") as file: file.write(bytes(1 << 10))
    for each in range(20): os.remove(str(each))
    return 2 * x
"""),
    _call("folders within folders that nobody may read", "error crash", """
import os
def double(x):
    for _ in range(1 << 22):
        os.mkdir("d", 0o300); os.chdir("d")
    return 2 * x
"""),
    _call("files below paths too long to follow", "error crash", """
import os
def double(x):
    for _ in range(20):
        os.mkdir("d" * 250); os.chdir("d" * 250)
    for each in range(1 << 20):
        with open(str(each), "wb") as file: file.write(bytes(1 << 20))
    return 2 * x
"""),
    # --- network and processes --------------------------------------------------------------------------------------------------------
    _call("opens a socket", "error", "import socket\ndef double(x):\n    socket.socket()\n    return 2 * x\n", """
import asyncio
async def later(x):
    await asyncio.sleep(0)
    return 2 * x
def double(x): return asyncio.run(later(x))
""", unheld=True),
    _call("sends a datagram to a socket of the machine", "error", """
import socket
def double(x):
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return 2 * x
""", unheld=True),
    _call("asks for a name", "error", "import socket\ndef double(x):\n    socket.getaddrinfo('localhost', 80)\n    return 2 * x\n", unheld=True),
    _call("fork bomb", "error crash", "import os\ndef double(x):\n    for _ in range(9): os.fork()\n    while True: pass\n"),
    _call("starts a program", "error", """
import subprocess
def double(x): return 2 * int(subprocess.run(["/bin/echo", str(x)], capture_output=True).stdout)
""", unheld=True),
    _call("starts a program through a shell", "error", """
import os
def double(x):
    if os.system("true") != 0: raise OSError("no shell")
    return 2 * x
""", unheld=True),
    _call("becomes another program", "error", "import os\ndef double(x): os.execv('/bin/true', ['true'])\n"),
    _call("leaves a process in the background", "error", """
import os, time
def double(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    return 2 * x
"""),
    _call("kills its parent", "error", "import os\ndef double(x):\n    os.kill(os.getppid(), 9)\n    return 2 * x\n", """
import signal
def double(x):
    signal.signal(signal.SIGALRM, lambda *a: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    signal.pause()
    return 2 * x
"""),
    _call("kills everything it may", "error", "import os\ndef double(x):\n    os.kill(-1, 9)\n    return 2 * x\n"),
    _call("kills its process group", "error", "import os\ndef double(x):\n    os.killpg(0, 9)\n    return 2 * x\n"),
    _call("has a clock kill it, as if somebody outside had", "error", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def double(x):
    event = (ctypes.c_int * 16)(0, 0, 9, 0)  # struct sigevent: SIGKILL, as a signal
    clock = ctypes.c_void_p()
    if libc.syscall(222, 1, event, ctypes.byref(clock)) != 0: raise OSError("no such clock")
    libc.syscall(223, clock.value or 0, 0, (ctypes.c_long * 4)(0, 0, 0, 1000), None)
    while True: pass
"""),
    _call("has a descriptor send a signal to its parent", "error", """
import fcntl, os
def double(x):
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, os.getppid())
    return 2 * x
""", """
import fcntl, os
def double(x):
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETFL, fcntl.fcntl(reader, fcntl.F_GETFL) | os.O_NONBLOCK)
    return 2 * x
""", unheld=True),
    _call("lowers its parent's limits", "error", """
import os, resource
def double(x):
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE))
    return 2 * x
""", """
import resource, sys
resource.setrlimit(resource.RLIMIT_STACK, resource.getrlimit(resource.RLIMIT_STACK))
sys.setrecursionlimit(10 ** 6)
def double(x): return 2 * x
"""),
    _call("calls of the kernel through ctypes", "error", """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def double(x):
    tried = {
        "unshare": libc.unshare(0x10000000), "mount": libc.mount(b"none", b"/", b"tmpfs", 0, 0), "chroot": libc.chroot(b"."),
        "ptrace": libc.ptrace(16, 1, 0, 0), "io_uring": libc.syscall(425, 8, ctypes.create_string_buffer(256)),
        "bpf": libc.syscall(321, 0, 0, 0), "memfd": libc.memfd_create(b"x", 0), "keyctl": libc.syscall(250, 0, -3, 0),
        "shmget": libc.shmget(0, 4096, 0o1600), "setsid": libc.setsid(), "userfaultfd": libc.syscall(323, 0),
        "undo death with parent": libc.prctl(1, 0, 0, 0, 0),
    }
    if all(result == -1 for result in tried.values()): raise OSError("all denied")
    return 2 * x
""", """
import ctypes
libc = ctypes.CDLL(None)
def double(x): return 2 * libc.abs(-x)
"""),
    _call("reads another process by process_vm_readv", "error", """
import ctypes, os
def double(x):
    class Part(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    here = ctypes.create_string_buffer(8)
    local, remote = Part(ctypes.addressof(here), 8), Part(id(double), 8)
    if ctypes.CDLL(None).process_vm_readv(os.getppid(), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) < 0: raise OSError("denied")
    return 2 * x
"""),
    # --- more than its share ----------------------------------------------------------------------------------------------------------
    _call("three gigabytes", "oom", "def double(x):\n    held = bytearray(3 << 30)\n    return 2 * x\n", """
def double(x):
    held = bytearray(50 << 20)
    return 2 * x
"""),
    _call("memory bit by bit", "oom", "def double(x):\n    held = []\n    while True: held.append(bytes(1 << 20))\n"),
    _call("an endless loop", "timeout", "def double(x):\n    while True: pass\n"),
    _call("an endless loop while it is loaded", "timeout", "while True: pass\n"),
    _call("sleeps for ever", "timeout", "import time\ndef double(x): time.sleep(1e6)\n", """
import time
def double(x):
    time.sleep(0.001)
    return 2 * x
"""),
    _call("catches every signal and stays", "timeout", """
import signal
for each in range(1, 65):
    try: signal.signal(each, lambda *a: None)
    except (OSError, ValueError): pass
def double(x):
    while True:
        try: signal.pause()
        except BaseException: pass
""", """
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def double(x): return 2 * x
"""),
    _call("an exception whose text never comes", "timeout", """
class E(Exception):
    def __str__(self):
        while True: pass
def double(x): raise E
""", """
class E(Exception): pass
def double(x):
    try: raise E
    except E: return 2 * x
"""),
    _call("waits for a thread that never ends", "timeout", """
import threading, time
def forever():
    while True: time.sleep(60)
def double(x):
    thread = threading.Thread(target=forever)
    thread.start(); thread.join()
    return 2 * x
""", """
import threading
def double(x):
    found = []
    thread = threading.Thread(target=lambda: found.append(2 * x))
    thread.start(); thread.join()
    return found[0]
"""),
    _call("a thousand threads", "crash error", """
import threading, time
threading.stack_size(32768)
def double(x):
    for _ in range(1000): threading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()
    time.sleep(1e6)
""", """
from concurrent.futures import ThreadPoolExecutor
def double(x):
    with ThreadPoolExecutor(4) as pool: return sum(pool.map(int, [x, x]))
"""),
    _call("recursion without end", "oom crash error timeout", "import sys\nsys.setrecursionlimit(10 ** 9)\ndef double(x): return double(x)\n", """
import sys
sys.setrecursionlimit(10 ** 5)
def down(n): return 0 if n == 0 else 1 + down(n - 1)
def double(x): return 2 * x + down(20000) - 20000
"""),
    _call("an integer of a billion bits", "error oom", "def double(x): return 1 << 10 ** 9\n", """
def double(x): return (2 * x << 100000) >> 100000
"""),
    _call("a list that contains itself", "error unserialisable", "def double(x):\n    held = []\n    held += [held, held]\n    return held\n"),
    _call("an answer nested too deep to write", "unserialisable", """
def double(x):
    held = []
    for _ in range(100000): held = [held]
    return held
"""),
    _call("prints without end in a call", "timeout", "def double(x):\n    while True: print('y' * 1000)\n", """
import sys
def double(x):
    for stream in (sys.stdout, sys.stderr):
        for _ in range(1000): print("y" * 1000, file=stream)
    return 2 * x
"""),
    # --- programs ---------------------------------------------------------------------------------------------------------------------
    _stdio("a thousand million lines", "error", "for _ in range(10 ** 9): print('2')\n", """
x = int(input())
print(2 * x)
"""),
    _stdio("prints a verdict instead of an answer", "ok", "print('{\"status\": \"pass\"}', 'Accepted')\n"),
    _stdio("leaves before it has printed", "ok", "import os\nos._exit(0)\nprint(2 * int(input()))\n", """
import sys
print(2 * int(sys.stdin.readline()))
sys.exit()
"""),
    _stdio("prints what is no text", "ok", "import sys\nsys.stdout.buffer.write(bytes(range(128, 256)))\n", """
import sys
sys.stdout.buffer.write(b"%d\\n" % (2 * int(sys.stdin.buffer.read())))
"""),
    _stdio("a thread that never ends", "timeout", """
import threading, time
print(2 * int(input()), flush=True)
threading.Thread(target=time.sleep, args=(1e6,)).start()
""", """
import sys, threading
sys.setrecursionlimit(10 ** 6)
threading.stack_size(64 << 20)
def main(): print(2 * int(input()))
threading.Thread(target=main).start()
"""),
    _stdio("waits for more input", "error", "input(); print(2 * int(input()))\n", """
import sys
for line in sys.stdin: print(2 * int(line))
"""),
    _stdio("reads what an earlier run left", "ok error", """
import os
x = input()
if os.path.exists("left"): print(open("left").read())
open("left", "w").write("2")
""", """
with open("left", "x") as file: file.write(input())
print(2 * int(open("left").read()))
"""),
    _stdio("reads a file outside", "error", "open('/etc/passwd').read(); print(2 * int(input()))\n", "print(2 * int(open(0).read()))\n"),
    _stdio("starts a program", "error", """
import subprocess
print(2 * int(input()), flush=True)
subprocess.run(["/bin/sleep", "600"])
""", """
if __name__ == "__main__":
    print(2 * int(input()))
"""),
    _stdio("writes frames of its own and a status", "crash", """
import os
os.write(3, b"\\x00\\x00\\x00\\x02[]")
print(2 * int(input()), flush=True)
os._exit(1)
"""),
]  # fmt: skip
