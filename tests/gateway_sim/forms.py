"""forms - Stripe's form encoding (a[b][0][c]=v) to nested values, checked
against a table of known parameters as the real API does.

A table maps a parameter's name to its kind:
  Text(max)  Int(low, high)  Choice(...)  Url()  Currency()  Flag()  Meta()
  {…} a nested table   [kind] a list
A name in REQUIRED(table) must be there.
"""
import re
import urllib.parse


class ApiError(Exception):
    """An error answer in Stripe's shape (https://docs.stripe.com/api/errors)"""

    def __init__(self, status, message, code=None, param=None,
                 kind="invalid_request_error", **extra):
        super().__init__(message)
        self.status = status
        error = {"message": message, "type": kind, **extra}
        if code:
            error["code"] = code
            error["doc_url"] = "https://stripe.com/docs/error-codes/" \
                + code.replace("_", "-")
        if param:
            error["param"] = param
        self.body = {"error": error}


def parse(text):
    """Decode a form body or query string. Lists are dicts keyed by index
    until check() has seen the table, since only it knows which are lists."""
    result = {}
    try:
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True,
                                       strict_parsing=bool(text),
                                       errors="strict")
    except ValueError as error:
        raise ApiError(400, "Invalid form encoding") from error
    for name, value in pairs:
        match = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])*)", name)
        if not match:
            raise ApiError(400, f"Invalid parameter name: {name}")
        path = [match[1]] + re.findall(r"\[([^\[\]]*)\]", match[2])
        put(result, path, value, name)
    return result


def put(target, path, value, name):
    for part in path[:-1]:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise ApiError(400, f"Invalid parameter: {name}", param=name)
    last = path[-1] if path[-1] != "" else str(len(target))
    target[last] = value


class Text:
    def __init__(self, longest=5000):
        self.longest = longest

    def check(self, value, name):
        if not isinstance(value, str):
            raise ApiError(400, f"Invalid string: {name}", param=name)
        if value == "":
            raise ApiError(400, "You passed an empty string for '" + name
                           + "'.", "parameter_invalid_empty", name)
        if len(value) > self.longest:
            raise ApiError(400, f"Invalid string: {name} must be at most "
                           f"{self.longest} characters", None, name)
        return value


class Int:
    def __init__(self, low, high):
        self.low, self.high = low, high

    def check(self, value, name):
        if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,18}",
                                                          value):
            raise ApiError(400, f"Invalid integer: {value}",
                           "parameter_invalid_integer", name)
        number = int(value)
        if not self.low <= number <= self.high:
            raise ApiError(400, f"Invalid {name}: must be between {self.low} "
                           f"and {self.high}", "parameter_invalid_integer",
                           name)
        return number


class Choice:
    def __init__(self, *allowed):
        self.allowed = allowed

    def check(self, value, name):
        if value not in self.allowed:
            raise ApiError(400, f"Invalid {name}: must be one of "
                           + ", ".join(self.allowed), None, name)
        return value


class Url(Text):
    def check(self, value, name):
        value = super().check(value, name)
        if not re.match(r"https?://[^/\s]+", value):
            raise ApiError(400, "Not a valid URL", "url_invalid", name)
        return value


class Email(Text):
    def check(self, value, name):
        value = super().check(value, name)
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise ApiError(400, f"Invalid email address: {value}",
                           "email_invalid", name)
        return value


class Currency(Text):
    def check(self, value, name):
        value = super().check(value, name).lower()
        if not re.fullmatch(r"[a-z]{3}", value):
            raise ApiError(400, f"Invalid currency: {value}", None, name)
        return value


class Flag:
    def check(self, value, name):
        if value not in ("true", "false"):
            raise ApiError(400, f"Invalid boolean: {value}", None, name)
        return value == "true"


class Meta:
    """At most 50 keys of 40 characters, values of 500."""

    def check(self, value, name):
        if not isinstance(value, dict) or len(value) > 50:
            raise ApiError(400, f"Invalid {name}", None, name)
        for key, text in value.items():
            if len(key) > 40 or not isinstance(text, str) or len(text) > 500:
                raise ApiError(400, f"Invalid {name}[{key}]", None,
                               f"{name}[{key}]")
        return value


class Range:
    """A time, or gt, gte, lt, lte of times."""

    def check(self, value, name):
        number = Int(0, 2**53)
        if isinstance(value, str):
            at = number.check(value, name)
            return {"gte": at, "lte": at}
        return check(value, {k: number for k in ("gt", "gte", "lt", "lte")},
                     (), name)


class Table:
    """Nested parameters, some of them required."""

    def __init__(self, required=(), **rows):
        self.required, self.rows = required, rows

    def check(self, value, name):
        if not isinstance(value, dict):
            raise ApiError(400, f"Invalid object: {name}", None, name)
        return check(value, self.rows, self.required, name)


class List:
    def __init__(self, kind, most=100):
        self.kind, self.most = kind, most

    def check(self, value, name):
        if not isinstance(value, dict) \
                or not all(k.isdigit() for k in value):
            raise ApiError(400, "Invalid array", None, name)
        if len(value) > self.most:
            raise ApiError(400, f"{name} may hold at most {self.most} items",
                           None, name)
        keys = sorted(value, key=int)
        return [self.kind.check(value[k], f"{name}[{k}]") for k in keys]


def check(value, rows, required=(), prefix=""):
    """The checked values by name; ApiError for what the API would refuse."""
    def full(name):
        return f"{prefix}[{name}]" if prefix else name
    for name in value:
        if name not in rows:
            raise ApiError(400, f"Received unknown parameter: {full(name)}",
                           "parameter_unknown", full(name))
    for name in required:
        if name not in value:
            raise ApiError(400, f"Missing required param: {full(name)}.",
                           "parameter_missing", full(name))
    return {name: rows[name].check(v, full(name))
            for name, v in value.items()}
