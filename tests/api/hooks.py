"""What the fuzzer has to know that a schema can't say."""

import os

import schemathesis

S3_URL = os.environ["BERTH_FUZZ_S3"]
MOST_WATCHES = 12
watches = []
KEYS = dict(pair.split("=") for pair in os.environ["BERTH_FUZZ_KEYS"].split(","))


@schemathesis.auth(cache_by_key=lambda case, context: role_of(context.operation))
class KeyOfTheRole:
    """Calls each operation with a key that may: x-roles lists the roles."""

    def get(self, case, context):
        return KEYS[role_of(context.operation)]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


def role_of(operation):
    roles = operation.definition.raw.get("x-roles") or ["admin"]
    return "admin" if "admin" in roles else roles[0]


def sources_of(body):
    """Every place of a body that names an S3 server."""
    if not isinstance(body, dict):
        return
    if isinstance(body.get("s3Endpoint"), str):
        yield body, "s3Endpoint"
    spec = body.get("spec")
    source = spec.get("s3") if isinstance(spec, dict) else None
    if isinstance(source, dict) and isinstance(source.get("endpoint"), str):
        yield source, "endpoint"


@schemathesis.hook
def before_call(context, case, kwargs):
    # Servers that were made up are not called: the stand-in answers for them.
    for holder, name in sources_of(case.body):
        if holder[name].startswith("http"):
            holder[name] = S3_URL
    # The name is told twice, by the path and by the body.
    if case.method == "PUT" and isinstance(case.body, dict) and isinstance(case.body.get("metadata"), dict):
        if isinstance(case.body["metadata"].get("name"), str) and case.path_parameters.get("name"):
            case.body["metadata"]["name"] = case.path_parameters["name"]
    # The first poll of a connection is answered at once, later ones when something changes.
    if "traefik" in case.operation.path:
        case.headers["Connection"] = "close"
    query = case.query if isinstance(case.query, dict) else {}
    bound_watch(query)
    # Nor does a log end that is followed. Following is tested elsewhere.
    if str(query.get("follow", "0")).lower() in ("1", "true", ""):
        query["follow"] = "0"


def bound_watch(query):
    """A watch that nobody ends, ends after half an hour. That is right, and too long for a test: it lasts a second, and
    all kinds share the code, so a few of them are enough."""
    if str(query.get("watch", "0")).lower() in ("0", "false"):
        return
    if not str(query.get("timeoutSeconds", "1")).isdigit():
        return
    query["timeoutSeconds"] = "1"
    watches.append(query)
    if len(watches) > MOST_WATCHES:
        query["watch"] = "0"
