"""A DNS server for tests, which answers what it is told to."""

import socket
import threading


class NameServer:
    """Serves on a free port; ``answer`` makes an answer, or None for silence, of a question.

    It comes from elsewhere where everybody is asked, as multicast DNS does.
    """

    def __init__(self, answer, *, answers_from_elsewhere=False):
        self._answer = answer
        self.questions = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if answers_from_elsewhere else self._socket
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()
        self._mouth.close()

    def _serve(self):
        while True:
            question, asker = self._socket.recvfrom(512)
            if not question:
                return
            self.questions.append(question)
            if (answer := self._answer(question)) is not None:
                self._mouth.sendto(answer, asker)


def this_machine(question):
    """Return the answer that a name is 127.0.0.1 (RFC 1035 section 4.1)."""
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("127.0.0.1")
    return question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:] + answer
