"""topics - every event on the bus, read without consuming anything.

NATS: the client protocol (https://docs.nats.io/reference/reference-protocols/
nats-protocol) and JetStream's API subjects, spoken here directly: streams by
name, then each message by its sequence number. Kafka: the `kafka-python-ng`
package, all partitions from the first offset to the last.
Events are CloudEvents 1.0 in binary mode: attributes are headers.
"""
import base64
import json
import socket
import urllib.parse

PREFIX = "bodega."
REPLY = "_INBOX.prover."
PIPELINE = 64  # message requests in flight


def event(topic, headers, data):
    """One line of topics.jsonl."""
    def attribute(name):
        for prefix in ("ce-", "ce_"):
            if prefix + name in headers:
                return urllib.parse.unquote(headers[prefix + name])
        return None
    return {"topic": topic, "id": attribute("id"), "type": attribute("type"),
            "source": attribute("source"), "time": attribute("time"),
            "key": attribute("partitionkey"),
            "data": json.loads(data) if data else None}


class Nats:
    """Requests over one NATS connection."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection(
            (parts.hostname, parts.port or 4222), timeout=30)
        self.file = self.socket.makefile("rb")
        self.line("INFO")
        options = {"verbose": False, "pedantic": False, "headers": True,
                   "no_responders": True, "lang": "python", "version": "1",
                   "name": "prover"}
        if parts.username:
            options["user"] = urllib.parse.unquote(parts.username)
            options["pass"] = urllib.parse.unquote(parts.password or "")
        self.send(f"CONNECT {json.dumps(options)}\r\nSUB {REPLY}* 1\r\n")

    def send(self, text):
        self.socket.sendall(text.encode())

    def line(self, wanted):
        """The next line that starts with `wanted`; answers pings."""
        while True:
            line = self.file.readline()
            if not line:
                raise OSError("NATS closed the connection")
            word = line.split(b" ", 1)[0].strip().upper().decode()
            if word == "PING":
                self.send("PONG\r\n")
            elif word == "-ERR":
                raise OSError("NATS: " + line.decode().strip())
            elif word == wanted or (wanted == "MSG" and word == "HMSG"):
                return line.decode().split()

    def ask(self, number, subject, value=None):
        body = json.dumps(value) if value is not None else ""
        self.send(f"PUB {subject} {REPLY}{number} {len(body)}\r\n{body}\r\n")

    def answer(self):
        """(number, JSON) of the next reply."""
        words = self.line("MSG")
        data = self.file.read(int(words[-1]) + 2)[:-2]
        if words[0].upper() == "HMSG":
            raise OSError("NATS: nobody answers; is JetStream on?")
        return int(words[1].rsplit(".", 1)[1]), json.loads(data)

    def get(self, subject, value=None):
        self.ask(0, subject, value)
        return self.answer()[1]


def header_lines(encoded):
    """NATS/1.0 headers as a dict with names in lower case."""
    if not encoded:
        return {}
    lines = base64.b64decode(encoded).decode().split("\r\n")[1:]
    pairs = [line.partition(":") for line in lines if line]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def nats_stream(link, stream):
    state = link.get(f"$JS.API.STREAM.INFO.{stream}")["state"]
    found, waiting = {}, 0
    numbers = iter(range(state["first_seq"], state["last_seq"] + 1))
    while True:
        for number in numbers:
            link.ask(number, f"$JS.API.STREAM.MSG.GET.{stream}",
                     {"seq": number})
            waiting += 1
            if waiting == PIPELINE:
                break
        if not waiting:
            break
        number, reply = link.answer()
        waiting -= 1
        if "message" in reply:  # else deleted or too old
            found[number] = reply["message"]
    for number in sorted(found):
        message = found[number]
        if message["subject"].startswith(PREFIX):
            yield event(message["subject"], header_lines(message.get("hdrs")),
                        base64.b64decode(message.get("data", "")))


def read_nats(url):
    link = Nats(url)
    streams = link.get("$JS.API.STREAM.NAMES")["streams"] or []
    for stream in streams:
        yield from nats_stream(link, stream)


def read_kafka(url):
    # Only needed for this bus: everything else runs on plain Python.
    from kafka import KafkaConsumer, TopicPartition
    consumer = KafkaConsumer(
        bootstrap_servers=url.removeprefix("kafka://").split(","),
        enable_auto_commit=False, group_id=None)
    parts = [TopicPartition(topic, number)
             for topic in consumer.topics() if topic.startswith(PREFIX)
             for number in consumer.partitions_for_topic(topic) or ()]
    ends = consumer.end_offsets(parts)
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    while any(consumer.position(part) < ends[part] for part in parts):
        for part, records in consumer.poll(timeout_ms=1000).items():
            for record in records:
                headers = {name.lower(): value.decode()
                           for name, value in record.headers}
                yield event(part.topic, headers, record.value)
    consumer.close()


def dump(url, path):
    read = {"nats": read_nats, "kafka": read_kafka}.get(
        urllib.parse.urlsplit(url).scheme)
    if not read:
        raise ValueError(f"topics: neither nats:// nor kafka://: {url}")
    with open(path, "w", encoding="utf-8") as file:
        for one in read(url):
            file.write(json.dumps(one) + "\n")
