"""Checks a bundle with nothing but Python's standard library, from docs/proof.md alone.

    python3 independent_check.py BUNDLE VKEY [WITNESS_VKEY]…

Prints what is wrong and where, and ends with 1; or says that it holds, and ends with 0. Each witness named must have cosigned it.
"""
import base64
import hashlib
import json
import sys

sys.setrecursionlimit(20_000)

# ── Ed25519, as in RFC 8032, section 6 ──────────────────────────────────────────────────────────────────────

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, point):
    total = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if (x & 1) != sign else x


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def ed25519_verify(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# ── keys, notes, checkpoints ────────────────────────────────────────────────────────────────────────────────

def parse_key(vkey, kind=1):
    name, ident, encoded = vkey.strip().split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    if len(key) != 33 or key[0] != kind:
        raise ValueError("not an Ed25519 key of this kind")
    if hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() != ident:
        raise ValueError("the key's id is not its own")
    return name, bytes.fromhex(ident), key[1:]


def open_note(note, key):
    """The text that the key signed, or None."""
    name, ident, public = key
    text, gap, signatures = note.rpartition("\n\n")
    if gap == "" or not signatures.endswith("\n"):
        return None
    text += "\n"
    held = False
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014":
            return None
        try:
            signature = base64.b64decode(parts[2], validate=True)
        except ValueError:
            return None
        if base64.b64encode(signature).decode() != parts[2]:
            return None
        if parts[1] != name or signature[:4] != ident:
            continue
        if not ed25519_verify(public, text.encode(), signature[4:]):
            return None
        held = True
    return text if held else None


def is_cosigned(note, key):
    """Whether a witness cosigned it, at whatever time."""
    name, ident, public = key
    text, gap, signatures = note.rpartition("\n\n")
    for line in signatures.split("\n"):
        parts = line.split(" ")
        if gap == "" or len(parts) != 3 or parts[1] != name:
            continue
        signature = base64.b64decode(parts[2], validate=True)
        if len(signature) != 76 or signature[:4] != ident:
            continue
        time = int.from_bytes(signature[4:12], "big")
        message = f"cosignature/v1\ntime {time}\n{text}\n"
        if ed25519_verify(public, message.encode(), signature[12:]):
            return True
    return False


# ── the tree ────────────────────────────────────────────────────────────────────────────────────────────────

def root_from(leaf, index, size, proof):
    """The root that an inclusion proof leads to, or None where it has not the right length (RFC 9162, 2.1.3.2)."""
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while not fn & 1 and fn != 0:
                fn >>= 1
                sn >>= 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        fn >>= 1
        sn >>= 1
    return node if sn == 0 else None


# ── the state ───────────────────────────────────────────────────────────────────────────────────────────────

def pick(data, *names):
    return {name: data.get(name) for name in names}


def as_object(value):
    return value if isinstance(value, dict) else {}


def text_of(data, name):
    return data[name] if isinstance(data.get(name), str) else None


def first(*values):
    return next((value for value in values if value is not None), None)


def put(rows, key, value):
    if key is not None:
        rows[key] = value


def take(rows, key):
    rows.pop("" if key is None else key, None)


def apply_space(state, kind, data, sets):
    sessions = state["sessions"]
    if kind == "SpaceOpened":
        state["opened"] = pick(data, "title", "owner", "visibility", "at")
    elif kind == "EntryGranted":
        put(state["seats"], text_of(data, "subject"), pick(data, "subspace", "expiresAt"))
    elif kind == "SeatExpired":
        take(state["seats"], text_of(data, "subject"))
    elif kind == "SessionJoined":
        session = pick(data, "account", "guest", "subspace", "position")
        session.update(joinedAt=data.get("at"), voice=False)
        put(sessions, text_of(data, "sessionId"), session)
        take(state["seats"], first(text_of(data, "account"), text_of(data, "guest")))
    elif kind in ("SessionMoved", "VoiceStarted", "VoiceStopped"):
        session = sessions.get(text_of(data, "sessionId"))
        if session is not None:
            if kind == "SessionMoved":
                session.update(subspace=data.get("to"), position=data.get("position"))
            else:
                session["voice"] = kind == "VoiceStarted"
    elif kind == "SessionLeft":
        take(sessions, text_of(data, "sessionId"))
    elif kind == "PermissionGranted":
        put(state["grants"], text_of(data, "account"), pick(data, "permission", "by", "reason", "at"))
    elif kind == "PermissionRevoked":
        take(state["grants"], text_of(data, "account"))
    elif kind in ("AccountBanned", "AccountMuted"):
        rows = state["bans" if kind == "AccountBanned" else "mutes"]
        put(rows, text_of(data, "subject"), pick(data, "by", "reason", "until", "at"))
    elif kind in ("AccountUnbanned", "AccountUnmuted"):
        take(state["bans" if kind == "AccountUnbanned" else "mutes"], text_of(data, "subject"))
    elif kind in sets:
        session = sessions.get(text_of(data, "sessionId"))
        if session is not None:
            for name, value in sets[kind].items():
                session[name] = data.get(value["of"]) if "of" in value else value["is"]
    elif kind == "SettingsChanged":
        changes = as_object(data.get("changes"))
        free = {**as_object(state["settings"].get("settings")), **as_object(changes.get("settings"))}
        state["settings"] = {**state["settings"], **changes}
        state["settings"]["settings"] = {name: value for name, value in free.items() if value is not None}


def apply_chat(state, kind, data, revision):
    ident = text_of(data, "messageId")
    if ident is None:
        return
    messages = state["messages"]
    known = next((message for message in messages if message["id"] == ident), None)
    if kind == "MessagePosted":
        if known is not None:
            messages.remove(known)
        author = first(data.get("account"), data.get("guest"))
        messages.append(
            {
                "id": ident,
                "author": author,
                "subspace": data.get("subspace"),
                "revision": revision,
                "edited": None,
                "deleted": None,
                "reactions": [],
            }
        )
        if len(messages) > 100:
            messages.pop(0)
    elif known is None:
        return
    elif kind == "MessageEdited":
        known["edited"] = revision
    elif kind == "MessageDeleted":
        known["deleted"] = pick(data, "by", "at")
    elif kind in ("ReactionAdded", "ReactionRemoved"):
        reaction = [data.get("emoji"), as_object(data.get("by")).get("id")]
        known["reactions"] = [one for one in known["reactions"] if not same(one, reaction)]
        if kind == "ReactionAdded":
            known["reactions"].append(reaction)


def units(text):
    """Texts are compared by their UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def apply(state, kind, event, sets):
    state["revisions"][kind] += 1
    at = as_object(event["metadata"]).get("at")
    latest = state["latest"][kind]
    if isinstance(at, str) and (latest is None or units(at) > units(latest)):
        state["latest"][kind] = at
    data = as_object(event["data"])
    if kind == "space":
        apply_space(state, event["type"], data, sets)
    elif kind == "chat":
        apply_chat(state, event["type"], data, event["revision"])


# ── the bundle ──────────────────────────────────────────────────────────────────────────────────────────────

def digest(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def only(line, name):
    value = json.loads(line.decode("utf-8"))
    if list(value) != [name]:
        raise ValueError(f"it is no {name}")
    return value[name]


def check(path, vkey, witnesses=()):
    faults = []
    key = parse_key(vkey)
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    if len(lines) < 6 or lines[-1] != b"":
        return [(len(lines), "the file does not end as it should")]
    lines.pop()
    header_line, checkpoint_line, start_line, end_line, seal_line = lines[0], lines[1], lines[2], lines[-2], lines[-1]
    last = len(lines)

    header, size, root, state = {}, None, None, None
    try:
        header = only(header_line, "header")
        if header["format"] != "dlux-presence-bundle" or header["version"] not in (1, 2) or header["origin"] != key[0]:
            raise ValueError("it is of another format or log")
    except (ValueError, KeyError, TypeError) as error:
        faults.append((1, f"header: {error}"))
    try:
        text = open_note(only(checkpoint_line, "checkpoint"), key)
        if text is None:
            raise ValueError("it is not signed with the key")
        origin, count, encoded = text.split("\n")[:3]
        if origin != key[0]:
            raise ValueError("it is of another log")
        size, root = int(count), base64.b64decode(encoded, validate=True)
    except (ValueError, AttributeError) as error:
        faults.append((2, f"checkpoint: {error}"))
    start, end = header.get("from"), header.get("to")
    try:
        state = only(start_line, "start")
        for kind in ("space", "chat", "refusal"):
            if start is None and state["revisions"][kind] != 0:
                raise ValueError("it is not the beginning")
            if start is not None and units(state["latest"][kind] or "") >= units(start):
                raise ValueError("it is later than the header's beginning")
    except (ValueError, KeyError, TypeError) as error:
        faults.append((3, f"start: {error}"))

    previous, last_leaf = [], -1
    for number, line in enumerate(lines[3:-2], 4):
        try:
            text = line.decode("utf-8")
            if not text.startswith('{"event":'):
                raise ValueError("it is no event")
            event, after = json.JSONDecoder().raw_decode(text, 9)
            rest = json.loads("{" + text[after + 1 :]) if text[after : after + 1] == "," else None
            if rest is None or sorted(rest) != ["leaf", "proof", "shared"]:
                raise ValueError("it is not of an event's form")
            if not 0 <= rest["shared"] <= len(previous):
                raise ValueError("it shares more of a proof than there is")
            own = [base64.b64decode(one, validate=True) for one in rest["proof"]]
            proof = own + previous[len(previous) - rest["shared"] :]
            previous = proof
            name = f"{event['stream']} {event['revision']}"
            leaf = hashlib.sha256(b"\x00" + text[9:after].encode("utf-8")).digest()
            if size is not None and (rest["leaf"] >= size or root_from(leaf, rest["leaf"], size, proof) != root):
                faults.append((number, f"{name}: it is not in the log of the checkpoint, as it stands here"))
            if rest["leaf"] <= last_leaf:
                faults.append((number, f"{name}: it is out of order"))
            last_leaf = max(last_leaf, rest["leaf"])
            kind, _, space = event["stream"].partition("-")
            if kind not in ("space", "chat", "refusal") or space != header.get("space"):
                faults.append((number, f"{name}: it is not of this space"))
                continue
            if state is None:
                continue
            if event["revision"] != str(state["revisions"][kind]):
                faults.append((number, f"{name}: it should be event {state['revisions'][kind]} of its stream"))
                state["revisions"][kind] = int(event["revision"])
            apply(state, kind, event, header.get("sets", {}))
            latest = state["latest"][kind]
            if latest is not None and (
                (start is not None and units(latest) < units(start)) or (end is not None and units(latest) > units(end))
            ):
                faults.append((number, f"{name}: it is not within the times of the header"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            faults.append((number, f"event: {error}"))
            state = None

    try:
        given = only(end_line, "end")
        if state is not None:
            for name in sorted(set(state) | set(given)):
                if name not in given or name not in state or not same(state[name], given[name]):
                    faults.append((last - 1, f"end: its {name} are not what the events make of the start"))
    except (ValueError, TypeError) as error:
        faults.append((last - 1, f"end: {error}"))
    try:
        text = open_note(only(seal_line, "seal"), key)
        if text is None:
            raise ValueError("it is not signed with the key")
        events = b"".join(line + b"\n" for line in lines[3:-2])
        expected = [
            (last, "dlux-presence-bundle v1"),
            (last, key[0]),
            (1, f"header {digest(header_line + bytes([10]))}"),
            (2, f"checkpoint {digest(checkpoint_line + bytes([10]))}"),
            (3, f"start {digest(start_line + bytes([10]))}"),
            (4, f"events {last - 5} {digest(events)}"),
            (last - 1, f"end {digest(end_line + bytes([10]))}"),
            (last, ""),
        ]
        said = text.split("\n")
        if len(said) != len(expected):
            faults.append((last, "seal: it is not of the seal's form"))
        for (number, ours), theirs in zip(expected, said):
            if ours != theirs:
                faults.append((number, f"{ours.split(' ')[0]}: it is not what was sealed"))
    except (ValueError, AttributeError) as error:
        faults.append((last, f"seal: {error}"))
    for witness in witnesses:
        witness_key = parse_key(witness, 4)
        try:
            if not is_cosigned(only(checkpoint_line, "checkpoint"), witness_key):
                raise ValueError(f"{witness_key[0]} did not cosign it")
        except (ValueError, AttributeError) as error:
            faults.append((2, f"checkpoint: {error}"))
    return faults


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    found = check(sys.argv[1], sys.argv[2], sys.argv[3:])
    for number, fault in found:
        print(f"line {number}, {fault}")
    print("It holds." if not found else f"{len(found)} faults")
    sys.exit(1 if found else 0)
