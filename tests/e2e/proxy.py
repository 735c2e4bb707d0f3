# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that misbehaves as networks do: odd pieces, slow, silent, cut."""

import random
import select
import socket
import threading
import time


class Proxy:
    """Forwards connections to 127.0.0.1:target until close().

    piece_max  bytes forwarded at once, a random number up to this; None: as they come
    rate       bytes per second from the server to the client, per connection; None: no limit
    port       to listen on; None: any
    """

    def __init__(self, target, piece_max=None, rate=None, seed=1, port=None):
        self.target = target
        self.piece_max = piece_max
        self.rate = rate
        self.random = random.Random(seed)
        self.held = threading.Event()  # set when hold_at() has found its bytes
        self.forwarded = 0  # bytes from the server
        self._pattern = None
        self._going = threading.Event()
        self._going.set()
        self._pairs = set()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", port or 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def hold_at(self, pattern, sent_by, behind=True):
        """Stops forwarding, in both directions, where these bytes are met: behind them, or before them.

        sent_by  "client" or "server"
        """
        self.held.clear()
        self._pattern = (pattern, sent_by, behind)

    def pause(self):
        """Nothing goes through, nothing is closed: a network that is away."""
        self._going.clear()

    def resume(self):
        self._pattern = None
        self._going.set()

    def cut(self, reset=False):
        """Ends every connection, with a FIN or a RST, and lets new ones through."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                try:
                    if reset:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                        end.close()
                    else:
                        end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.resume()

    def close(self):
        self._listening.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add((client, server))
            for source, sink, sender in ((client, server, "client"), (server, client, "server")):
                threading.Thread(target=self._forward, args=(source, sink, sender), daemon=True).start()

    def _forward(self, source, sink, sender):
        try:
            while True:
                self._going.wait()
                # In short waits: a socket that is closed while a thread reads it lives on until that read ends.
                if not select.select([source], [], [], 0.05)[0]:
                    continue
                data = source.recv(65536)
                if not data:
                    break
                data, rest = self._split(data, sender)
                self._send(sink, data, sender)
                if rest is not None:
                    self._going.clear()
                    self.held.set()
                    self._going.wait()
                    self._send(sink, rest, sender)
        except (OSError, ValueError):  # ValueError: closed by cut()
            pass
        for end in (sink, source):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _split(self, data, sender):
        """What goes through, and what waits: None when nothing does."""
        pattern = self._pattern
        if pattern is None or pattern[1] != sender or (at := data.find(pattern[0])) < 0:
            return data, None
        self._pattern = None
        at += len(pattern[0]) if pattern[2] else 0
        return data[:at], data[at:]

    def _send(self, sink, data, sender):
        while data:
            size = len(data) if self.piece_max is None else self.random.randint(1, self.piece_max)
            self._going.wait()
            sink.sendall(data[:size])
            if sender == "server":
                self.forwarded += min(size, len(data))
                if self.rate:
                    time.sleep(min(size, len(data)) / self.rate)
            data = data[size:]
