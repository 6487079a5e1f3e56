#!/usr/bin/env python3
"""Counts a transparency report again, with nothing of the project: from a whole log (`presence log export`) or from an
auditor's record (`GET /api/audit?space=TYPE:ID&format=ndjson`), an event a line.

    independent_count.py FILE TYPE:ID FROM TO [REPORT.json]

FROM and TO are ISO 8601 in UTC, both inclusive. Prints the report; with REPORT.json, ends with 1 where it differs.
"""
import json
import sys
from datetime import datetime, timezone

SPACE = {
    "AccountBanned": "bans",
    "AccountUnbanned": "bans_lifted",
    "AccountMuted": "mutes",
    "AccountUnmuted": "mutes_lifted",
}


CHAT = {"MessageHeld": "held", "MessageApproved": "let_through", "MessageDropped": "dropped"}
FILTERED = {"hold": "held", "mute": "muted", "report": "reported"}


def ms(text):
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def events(path, space):
    """Position, stream, type, time and data of each event of the space, in the log's order."""
    found = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if not line.strip():
                continue
            event = json.loads(line)
            stream = event["stream"]
            if stream not in (f"cases-{space}", f"space-{space}", f"chat-{space}"):
                continue
            kind = event.get("type") or event["action"]
            data = event["data"] if "data" in event else event["details"]
            at = event["metadata"]["at"] if "metadata" in event else event["created_at"]
            found.append((int(event["position"]), stream, kind, ms(at), data))
    # Of one append, all have one position in some logs: what they say keeps its order.
    return sorted(found, key=lambda event: event[0])


def median(values):
    return None if not values else sorted(values)[(len(values) - 1) // 2] // 1_000


def count(path, space, start, end):
    first, last = ms(start), ms(end)
    cases, rules, closing, deciding = {}, {}, [], []
    acts = dict.fromkeys(["kick", "mute", "ban", "delete", "unmute", "unban"], 0)
    done = dict.fromkeys(["bans", "bans_lifted", "mutes", "mutes_lifted", "kicks"], 0)
    filters = dict.fromkeys(["held", "muted", "reported", "let_through", "dropped"], 0)
    of = dict.fromkeys(
        ["reports", "opened", "by_report", "messages", "people", "entities", "acted", "dismissed", "made", "stand", "lifted"], 0
    )
    for _, stream, kind, at, data in events(path, space):
        if at > last:
            continue
        within = 1 if at >= first else 0
        if stream.startswith("space-"):
            name = "kicks" if kind == "SessionLeft" and data.get("reason") == "kicked" else SPACE.get(kind)
            if name is not None:
                done[name] += within
            continue
        if stream.startswith("chat-"):
            name = FILTERED.get(data.get("act")) if kind == "FilterActed" else CHAT.get(kind)
            if name is not None:
                filters[name] += within
            continue
        case = cases.get(data["caseId"])
        if kind == "CaseOpened":
            cases[data["caseId"]] = {"at": at, "reported": False, "closed": False, "appealed": None}
            of["opened"] += within
            of[{"message": "messages", "entity": "entities"}.get(data["about"]["kind"], "people")] += within
        elif kind == "ReportFiled":
            of["reports"] += within
            if case is not None and not case["reported"] and case["at"] == at:
                of["by_report"] += within
            if case is not None:
                case["reported"] = True
        elif kind == "CaseActed":
            acts[data["act"]] += within
        elif kind == "CaseClosed":
            of["acted" if data["outcome"] == "acted" else "dismissed"] += within
            if within and data["outcome"] == "acted":
                rules[data["rule"]] = rules.get(data["rule"], 0) + 1
            if case is not None:
                case["closed"] = True
                if within:
                    closing.append(at - case["at"])
        elif kind == "AppealMade":
            of["made"] += within
            if case is not None:
                case["appealed"] = at
        elif kind == "AppealDecided":
            of["lifted" if data["outcome"] == "lifted" else "stand"] += within
            if case is not None and case["appealed"] is not None:
                if within:
                    deciding.append(at - case["appealed"])
                case["appealed"] = None
    return {
        "from": start,
        "to": end,
        "reports": of["reports"],
        "cases": {
            "opened": of["opened"],
            "opened_by_report": of["by_report"],
            "opened_by_moderators": of["opened"] - of["by_report"],
            "about_messages": of["messages"],
            "about_people": of["people"],
            "about_entities": of["entities"],
            "closed": of["acted"] + of["dismissed"],
            "acted_on": of["acted"],
            "dismissed": of["dismissed"],
            "open_at_the_end": sum(1 for case in cases.values() if not case["closed"]),
            "median_seconds_to_close": median(closing),
        },
        "by_rule": rules,
        "acts": acts,
        "appeals": {
            "made": of["made"],
            "stand": of["stand"],
            "lifted": of["lifted"],
            "waiting_at_the_end": sum(1 for case in cases.values() if case["appealed"] is not None),
            "median_seconds_to_decide": median(deciding),
        },
        "moderation": done,
        "filters": filters,
    }


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    path, space, start, end = sys.argv[1:5]
    counted = count(path, space, start, end)
    print(json.dumps(counted, indent=2, sort_keys=True, ensure_ascii=False))
    if len(sys.argv) == 5:
        return
    with open(sys.argv[5], encoding="utf-8") as file:
        told = json.load(file)
    wrong = [name for name in counted if counted[name] != told.get(name)]
    for name in wrong:
        print(f"{name} differs: {told.get(name)} is told", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
