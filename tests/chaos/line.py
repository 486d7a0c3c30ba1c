"""The line between a worker and its database: a socket of our own in front of PostgreSQL's, on which a statement can be held up, or the answers, and which can
be cut off."""

import shutil
import socket
import tempfile
import threading
from pathlib import Path

PIECE_BYTES = 65536


class Line:
    """`host` is what the worker takes for PGHOST."""

    def __init__(self, cluster):
        self.server = f"{cluster.host}/.s.PGSQL.5432"
        self.host = Path(tempfile.mkdtemp(prefix="nianshen-line."))
        self.held_words = None  # a statement with these words does not pass
        self.silent_words = None  # one with these does, and no answer comes from then on
        self.is_holding, self.may_pass, self.answers_pass = threading.Event(), threading.Event(), threading.Event()
        self.answers_pass.set()
        self.ends = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.host / ".s.PGSQL.5432"))
        self.listener.listen()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # closed
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.server)
            except OSError:  # PostgreSQL is away
                client.close()
                continue
            self.ends += [client, server]
            for source, sink, gate in ((client, server, self._statement_gate), (server, client, self._answer_gate)):
                threading.Thread(target=self._carry, args=(source, sink, gate), daemon=True).start()

    def _statement_gate(self, piece):
        if self.held_words and self.held_words in piece:
            self.is_holding.set()
            self.may_pass.wait()
        if self.silent_words and self.silent_words in piece:
            self.answers_pass.clear()

    def _answer_gate(self, piece):
        self.answers_pass.wait()

    def _carry(self, source, sink, gate):
        try:
            while piece := source.recv(PIECE_BYTES):
                gate(piece)
                sink.sendall(piece)
        except OSError:  # cut off
            pass
        finally:
            for end in (source, sink):
                self._shut(end)

    @staticmethod
    def _shut(end):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other direction was first
            pass

    def hold(self, words):
        """The next statement with these words, and all behind it, until `let_pass`."""
        self.held_words = words

    def let_pass(self):
        self.held_words = None
        self.may_pass.set()

    def silence(self, words):
        """The next statement with these words gets no answer, until `cut`."""
        self.silent_words = words

    def cut(self):
        """Whoever is connected loses it; a new connection goes through."""
        self.silent_words = None
        connected, self.ends = self.ends, []
        for end in connected:
            self._shut(end)
        self.let_pass()
        self.answers_pass.set()

    def close(self):
        self.listener.close()
        self.cut()
        shutil.rmtree(self.host)
