"""mailbox - the mails that arrived, from the sink's /messages or its file.

Whose mail it is: the first order id in its Message-ID, headers, subject or
text. What kind: a refund says so in its Message-ID or subject, everything
else is a receipt."""
import email
import email.policy
import json
import re
import urllib.request

ORDER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}"
                   r"-[0-9a-f]{12}")


def read(source):
    """The sink's messages: a JSON array, or one object a line."""
    if source.startswith("http"):
        with urllib.request.urlopen(source, timeout=30) as answer:
            text = answer.read().decode()
    else:
        with open(source, encoding="utf-8") as file:
            text = file.read()
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def describe(message):
    """One line of mail.jsonl."""
    mail = email.message_from_string(message["raw"],
                                     policy=email.policy.default)
    body = mail.get_body(("plain", "html"))
    text = body.get_content() if body else ""
    headers = "\n".join(f"{k}: {v}" for k, v in mail.items())
    order = ORDER.search(headers) or ORDER.search(text)
    ident, subject = str(mail["Message-ID"]), str(mail["Subject"])
    refund = "refund" in (ident + subject).lower()
    return {"message_id": ident, "subject": subject, "to": str(mail["To"]),
            "order": order and order[0],
            "kind": "refund" if refund else "receipt"}


def dump(source, path):
    with open(path, "w", encoding="utf-8") as file:
        for message in read(source):
            file.write(json.dumps(describe(message)) + "\n")
