"""The prompt on a board's serial port: friendly, raw and raw-paste.

docs.micropython.org/en/latest/reference/repl.html says what passes between it and mpremote; the unix port of
MicroPython 1.25 has none of it. Ctrl-C interrupts a program through the supervisor, and is a byte at the prompt.
"""

import builtins
import gc
import io
import sys

import link
import micropython

CTRL_A = 1  # raw REPL
CTRL_B = 2  # friendly REPL
CTRL_C = 3  # interrupt
CTRL_D = 4  # end of input, or soft reset
CTRL_E = 5  # paste
_ESCAPE = 27
_BACKSPACES = (8, 127)
_NEWLINES = (10, 13)
_COMMANDS = (CTRL_A, CTRL_B, CTRL_D, CTRL_E)
_MOST_LINES = 50
# Bytes that a host may send before it has to wait for more room, as a board with a small buffer offers them.
_WINDOW = 128
_COMPOUND = ("@", "async", "class", "def", "for", "if", "try", "while", "with")

_host_print, _host_open = print, open


class Micropython:
    """The built-in module of that name; only ``kbd_intr`` is the supervisor's, who watches the serial port."""

    def __init__(self) -> None:
        for name in dir(micropython):
            if not name.startswith("__") and name != "kbd_intr":
                setattr(self, name, getattr(micropython, name))

    def kbd_intr(self, byte: int) -> None:
        """Let this byte interrupt the program from now on, none with -1."""
        link.call("interrupt", byte)


class Repl:
    """The prompt and the programs around it, all of which share the names of ``__main__``."""

    def __init__(self) -> None:
        self._names = {"__name__": "__main__"}
        self._own = '"' + __file__.rsplit("/", 1)[0] + "/"
        self._history = []

    def run(self, prompt: str) -> None:
        """Run boot.py and main.py, as far as this prompt is preceded by them; then obey the keyboard for ever."""
        if prompt == "only":
            self._tell(KeyboardInterrupt())
        for name in {"raw": ("boot.py",), "only": ()}.get(prompt, ("boot.py", "main.py")):
            self._run_file(name)
        _disarm()
        is_raw = prompt == "raw"
        while True:
            if is_raw:
                self._obey_host()
            else:
                self._obey_person()
            is_raw = not is_raw

    def _run_file(self, name: str) -> None:
        try:
            with open(name, "rb") as file:
                source = file.read()
        except OSError:
            return  # a board without it just goes on
        self._tell(self._execute(source, name, "exec"))

    def _execute(self, source: bytes, name: str, kind: str):
        """Run a program that Ctrl-C interrupts; return what it raised, None at its end."""
        failure = None
        try:
            link.call("interrupt", CTRL_C)
            exec(compile(str(source, "utf-8"), name, kind), self._names)
        except BaseException as error:  # noqa: BLE001 - the prompt outlives every program
            failure = error
        _disarm()
        if isinstance(failure, SystemExit):
            self._reset(is_raw=False)
        return failure

    def _tell(self, failure) -> None:
        if failure is None:
            return
        text = io.StringIO()
        sys.print_exception(failure, text)
        # The frames of this folder are no part of the program: a board's modules, and its prompt, are not in Python.
        _say("".join([line + "\n" for line in text.getvalue().split("\n") if line and self._own not in line]))

    def _obey_host(self) -> None:
        """Be the raw REPL until Ctrl-B."""
        link.tell("raw", 1)
        _write(b"raw REPL; CTRL-B to exit\r\n>")
        source = bytearray()
        while True:
            byte = _read()
            if byte == CTRL_B:
                link.tell("raw", 0)
                return
            if byte == CTRL_D:
                _write(b"OK")
                self._obey_raw(source)
            elif byte == CTRL_A and len(source) == 2 and source[0] == CTRL_E:
                self._paste(source[1])
            elif byte == CTRL_A:
                _write(b"raw REPL; CTRL-B to exit\r\n>")
            elif byte != CTRL_C:
                source.append(byte)
                continue
            source = bytearray()

    def _obey_raw(self, source: bytearray) -> None:
        if not source:
            _write(b"\r\n")
            self._reset(is_raw=True)
        self._answer(self._execute(source, "<stdin>", "exec"))

    def _paste(self, kind: int) -> None:
        """Take a program piece by piece, asking for more as there is room."""
        if kind != ord("A"):
            _write(b"R\x00>")
            return
        _write(b"R\x01" + _WINDOW.to_bytes(2, "little") + b"\x01")
        source = bytearray()
        left = _WINDOW
        while (byte := _read()) not in (CTRL_C, CTRL_D):
            source.append(byte)
            left -= 1
            if not left:
                _write(b"\x01")
                left = _WINDOW
        _write(b"\x04")
        self._answer(KeyboardInterrupt() if byte == CTRL_C else self._execute(source, "<stdin>", "exec"))

    def _answer(self, failure) -> None:
        _write(b"\x04")
        self._tell(failure)
        _write(b"\x04>")

    def _reset(self, is_raw: bool) -> None:  # noqa: FBT001 - as above
        _write(b"MPY: soft reboot\r\n")
        self._names.clear()
        gc.collect()  # closes the files that the program left open
        link.tell("soft_reset", is_raw)
        link.end()

    def _obey_person(self) -> None:
        """Be the friendly REPL until Ctrl-A."""
        version = sys.version.split("; ")[-1]  # after that of the language
        _say(f'\n{version}\nType "help()" for more information.\n')
        while True:
            line = self._line(">>> ")
            if line == CTRL_A:
                return
            if line == CTRL_D:
                self._reset(is_raw=False)
            elif line == CTRL_E:
                self._tell(self._execute(_pasted(), "<stdin>", "exec"))
            elif line == CTRL_B:
                _say(f"\n{version}\n")
            elif isinstance(line, str):
                self._obey_line(line)

    def _obey_line(self, text: str) -> None:
        while _wants_more(text):
            line = self._line("... ")
            if not isinstance(line, str):
                return
            text += "\n" + line
        if text.strip():
            self._tell(self._execute(text.encode() + b"\n", "<stdin>", "single"))

    def _line(self, prompt: str):
        """Return a line typed by hand, or the control character that stands in place of one."""
        _say(prompt)
        line = bytearray()
        back = 0
        while True:
            byte = _read()
            if byte in _NEWLINES:
                _say("\n")
                self._history = self._history[1 - _MOST_LINES :] + [line.decode()]  # noqa: RUF005 - not in MicroPython
                return self._history[-1]
            if byte == CTRL_C or (not line and byte in _COMMANDS):
                _say("\n")
                return byte
            if byte == _ESCAPE:
                back = max(0, min(back + _arrow(), len(self._history)))
                line = bytearray((self._history[-back] if back else "").encode())
                _write(b"\r\x1b[K" + prompt.encode() + line)
            elif byte in _BACKSPACES:
                line = _shortened(line)
            elif byte >= ord(" ") or byte == ord("\t"):
                line.append(byte)
                _write(bytes([byte]))


def install() -> None:
    """Let programs print as a board does, each line ended by CR LF, and be interrupted where they print and open."""
    sys.modules["micropython"] = Micropython()
    builtins.print = _print
    builtins.open = _open
    builtins.__repl_print__ = _show


def _open(*arguments, **options):
    link.call("look")
    return _host_open(*arguments, **options)


def _print(*values, sep=" ", end="\n", file=None) -> None:
    if file is not None:
        _host_print(*values, sep=sep, end=end, file=file)
        return
    text = io.StringIO()
    _host_print(*values, sep=sep, end=end, file=text)
    link.call("look")
    _say(text.getvalue())


def _show(value) -> None:
    if value is not None:
        _print(repr(value))


def _say(text: str) -> None:
    _write(text.replace("\n", "\r\n").encode())


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)


def _read() -> int:
    data = sys.stdin.buffer.read(1)
    if not data:
        link.end()  # nobody will ever type again
    return data[0]


def _arrow() -> int:
    """Return 1 for the rest of an arrow up, -1 for that of an arrow down, 0 for any other key."""
    return {ord("A"): 1, ord("B"): -1}.get(_read(), 0) if _read() == ord("[") else 0


def _disarm() -> None:
    """Let Ctrl-C be a byte again; an interrupt that is on its way comes to nothing."""
    while True:
        try:
            link.call("interrupt", -1)
        except KeyboardInterrupt:
            continue
        return


def _pasted() -> bytes:
    _say("paste mode; Ctrl-C to cancel, Ctrl-D to finish\n=== ")
    text = bytearray()
    while (byte := _read()) not in (CTRL_C, CTRL_D):
        if byte in _NEWLINES:
            text.append(10)
            _say("\n=== ")
        else:
            text.append(byte)
            _write(bytes([byte]))
    _say("\n")
    return b"" if byte == CTRL_C else text


def _shortened(line: bytearray) -> bytearray:
    """Return the line without its last character, which the terminal forgets too."""
    if not line:
        return line
    _write(b"\b \b")
    return bytearray(line.decode()[:-1].encode())


def _wants_more(text: str) -> bool:
    """Return whether a statement goes on: a block until its empty line, brackets and long strings until they close."""
    if text.endswith("\\"):
        return True
    if any(text.startswith(word) and not text[len(word) : len(word) + 1].isalpha() for word in _COMPOUND):
        return not text.endswith("\n")
    return _is_open(text)


def _is_open(text: str) -> bool:
    depth = at = 0
    quote = ""
    while at < len(text):
        step = 1
        if quote:
            if text[at] == "\\":
                step = 2
            elif text.startswith(quote, at):
                step = len(quote)
                quote = ""
        elif text[at] in "\"'":
            quote = text[at] * (3 if text.startswith(text[at] * 3, at) else 1)
            step = len(quote)
        elif text[at] == "#":
            step = max(1, text.find("\n", at) - at) if "\n" in text[at:] else len(text)
        else:
            depth += (text[at] in "([{") - (text[at] in ")]}")
        at += step
    # Only a long string may go on in the next line.
    return depth > 0 or len(quote) == 3
