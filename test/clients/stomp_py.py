"""Drives stomp.py; see README.md for arguments and output."""
import json
import os
import queue
import sys
import time

import stomp

PATIENCE = 60.0
HEADERS = json.loads(os.environ.get("STOMP_HEADERS", "{}"))


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Listener(stomp.ConnectionListener):
    """Puts what happens on a connection into a queue."""

    def __init__(self):
        self.events = queue.Queue()

    def on_message(self, frame):
        self.events.put(("message", frame))

    def on_receipt(self, frame):
        self.events.put(("receipt", frame.headers["receipt-id"]))

    def on_error(self, frame):
        self.events.put(("lost", frame.headers.get("message", "") + " " + str(frame.body)))

    def on_disconnected(self):
        self.events.put(("lost", "disconnected"))

    def on_heartbeat_timeout(self):
        self.events.put(("lost", "heart-beat"))


class Lost(Exception):
    pass


class Session:
    """One connection, to whichever broker answers."""

    def __init__(self, brokers):
        end = time.monotonic() + PATIENCE
        while True:
            for host, port in brokers:
                self.listener = Listener()
                self.conn = stomp.Connection12([(host, port)], heartbeats=(0, 500), reconnect_attempts_max=1,
                                               reconnect_sleep_initial=0, timeout=2)
                self.conn.set_listener("", self.listener)
                try:
                    self.conn.connect(wait=True, headers={"host": host})
                    say("connected", broker="%s:%d" % (host, port))
                    return
                except (stomp.exception.StompException, OSError):
                    pass
            if time.monotonic() > end:
                raise SystemExit("no broker answers")
            time.sleep(0.05)

    def wait(self, kind, match=None):
        """Waits for an event of the kind; a lost connection raises Lost."""
        while True:
            try:
                got, value = self.listener.events.get(timeout=PATIENCE)
            except queue.Empty:
                raise SystemExit("nothing happens")
            if got == "lost":
                raise Lost(value)
            if got == kind and match in (None, value):
                return value

    def close(self):
        try:
            self.conn.disconnect()
        except (stomp.exception.StompException, OSError):
            pass


def forever(brokers, work):
    """Runs work on one connection after the other until it returns."""
    while True:
        s = Session(brokers)
        try:
            work(s)
            s.close()
            return
        except (Lost, stomp.exception.StompException, OSError) as e:
            say("lost", reason=str(e))
            s.close()


def send(brokers, dest, count, name, pause):
    done = [0]

    def work(s):
        while done[0] < count:
            key = "%s-%d" % (name, done[0])
            s.conn.send(dest, key, headers={"persistent": "true", "receipt": key, **HEADERS})
            s.wait("receipt", key)
            say("confirmed", key=key)
            done[0] += 1
            time.sleep(pause)

    forever(brokers, work)


def receive(brokers, dest, count):
    seen = set()

    def work(s):
        s.conn.subscribe(dest, id="1", ack="client-individual", headers={"activemq.prefetchSize": "10", **HEADERS})
        while len(seen) < count:
            frame = s.wait("message")
            say("received", key=frame.body, redelivered=frame.headers.get("redelivered") == "true")
            s.conn.ack(frame.headers["ack"])
            say("acked", key=frame.body)
            seen.add(frame.body)

    forever(brokers, work)


def transactions(brokers, dest, count, name):
    def one(s, kind):
        tx = "%s-%s" % (name, kind)
        keys = ["%s-%s-%d" % (name, kind, i) for i in range(count)]
        s.conn.begin(tx)
        for key in keys:
            s.conn.send(dest, key, headers={"persistent": "true", "transaction": tx})
        if kind == "c":
            s.conn.commit(tx, headers={"receipt": tx})
        else:
            s.conn.abort(tx, headers={"receipt": tx})
        s.wait("receipt", tx)
        say("committed" if kind == "c" else "aborted", keys=keys)

    s = Session(brokers)
    one(s, "a")
    one(s, "c")
    s.close()


def main():
    mode, brokers, dest, count, name = sys.argv[1:6]
    pause = float(sys.argv[6]) / 1000 if len(sys.argv) > 6 else 0
    brokers = [(b.rsplit(":", 1)[0], int(b.rsplit(":", 1)[1])) for b in brokers.split(",")]
    if mode == "send":
        send(brokers, dest, int(count), name, pause)
    elif mode == "receive":
        receive(brokers, dest, int(count))
    elif mode == "tx":
        transactions(brokers, dest, int(count), name)
    else:
        raise SystemExit("unknown mode " + mode)


try:
    main()
    say("done")
except (SystemExit, Lost) as e:
    say("failed", reason=str(e))
    sys.exit(1)
