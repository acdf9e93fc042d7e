"""What becomes of files: every kind of name and mode, git, two writers, mass deletes, earlier times, large files, requests."""

import ast
import datetime
import hashlib
import os

import pytest

from support.wait import stays, wait_until

MIB = 1024 * 1024

# Runs inside a workspace: prints everything below /workspace as {path: (kind, mode, content or target)}.
DESCRIBE = """
import os, stat
found = {}
for folder, names, files in os.walk("/workspace"):
    for name in names + files:
        path = os.path.join(folder, name)
        info = os.lstat(path)
        mode = stat.S_IMODE(info.st_mode)
        short = os.path.relpath(path, "/workspace")
        if stat.S_ISLNK(info.st_mode):
            found[short] = ("link", 0, os.readlink(path))
        elif stat.S_ISDIR(info.st_mode):
            found[short] = ("folder", mode, "")
        else:
            with open(path, "rb") as file:
                found[short] = ("file", mode, file.read().hex())
print(ascii(found))
"""

NAMES = ["two words", " leading", "trailing ", "new\nline", "tab\there", "-rf", "--", "*", "?x", "100%", "a+b&c=d", "back\\slash",
         "quote'\"", "#hash;semi", "~", "...", ".hidden", "CASE", "case", "\u00fc\u00df\u20ac", "e\u0301", "\u65e5\u672c\u8a9e",
         "\U0001f680.txt", "n" * 255, "\u65e5" * 85, "deep/" * 20 + "end", "x.conflict", "a" * 200 + "/" + "b" * 200]

MAKE_NAMES = """
import os
for name in {names!r}:
    path = os.path.join("/workspace", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(("content of " + name).encode())
"""

MAKE_KINDS = """
import os
os.chdir("/workspace")
os.makedirs("folder/inner")
os.makedirs("empty/inside")
os.mkdir("closed", 0o700)
os.mkdir("shared")
os.chmod("shared", 0o775)
def write(name, mode, text="x"):
    with open(name, "w") as file:
        file.write(text)
    os.chmod(name, mode)
write("run.sh", 0o755, "#!/bin/sh\\n")
write("secret", 0o600)
write("readonly", 0o444)
write("group", 0o664)
write("nothing", 0o644, "")
write("folder/inner/file", 0o640)
os.symlink("run.sh", "link")
os.symlink("folder/inner", "link-to-folder")
os.symlink("/etc/hostname", "link-outside")
os.symlink("nowhere", "broken")
os.symlink("../run.sh", "folder/up")
"""


def inside(workspace, script):
    docker = workspace.install.docker
    return docker.run("exec", workspace.container(), "python3", "-c", script)


def tree(workspace):
    return ast.literal_eval(inside(workspace, DESCRIBE))


def ask(workspace, verb, counter, query=""):
    """Asks for something and waits until the agent has done it."""
    path = f"/api/containers/{workspace.id}/{verb}"
    wanted = workspace.install.api.expect(202, "POST", path + query)["requested"][counter]

    def done():
        return workspace.object()["status"]["observedRequests"].get(counter, 0) >= wanted

    wait_until(done, 60, lambda: f"{verb} is done: {workspace.summary()}")


def sync_now(workspace):
    ask(workspace, "sync", "sync")


def again(workspace):
    """Stopped and started: everything comes from S3."""
    workspace.stop()
    workspace.start_again().wait_status("running", 90)


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def trash(workspace, name):
    """What the trash prefix keeps of a path."""
    listed = workspace.install.s3.list(workspace.bucket, workspace.prefix + ".berth/trash/")
    return [key for key in listed if key.split("/", 4)[-1] == name]


def test_unusual_names_come_back(start):
    """W25."""
    workspace = start(s3Prefix="a prefix/of two")
    inside(workspace, MAKE_NAMES.format(names=NAMES))
    before = tree(workspace)
    assert set(NAMES) <= set(before)
    again(workspace)
    assert tree(workspace) == before


# As bytes, because no text holds them all: not UTF-8, too long for a key's part once it is spelled, signs that the spelling needs.
ODD_NAMES = [b"caf\xe9.txt", b"\n" * 100, b"\xff" * 255, b"folder\xe8/plain", b"plain/\xfe", b"\xe2\x90\x8a", b"\xe2\x80\x9b\\", b"line\nbreak\x01"]

MAKE_ODD = """
import os
for name in {names!r}:
    path = os.path.join(b"/workspace", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"content of " + name)
os.makedirs(b"/workspace/empty\\xe9")
os.symlink(b"caf\\xe9.txt", b"/workspace/link\\xe9")
"""


def test_names_that_no_key_holds_come_back(s3, bucket, start):
    """W25: nothing waits for them, others on the prefix get them, and an earlier version is in the trash."""
    workspace = start()
    inside(workspace, MAKE_ODD.format(names=ODD_NAMES))
    workspace.write("other.txt", "saved meanwhile")
    before = tree(workspace)
    assert {os.fsdecode(name) for name in ODD_NAMES} <= set(before)
    sync_now(workspace)
    assert workspace.stored("other.txt") == "saved meanwhile"
    assert workspace.sync()["message"] == "" and workspace.sync()["pendingFiles"] == 0
    assert s3.get(bucket, ".berth/names/caf=e9=.txt") == b"content of caf\xe9.txt"
    second = start()
    assert tree(second) == before
    inside(workspace, "open(b'/workspace/caf\\xe9.txt', 'wb').write(b'edited'); import os; os.remove(b'/workspace/' + b'\\n' * 100)")
    sync_now(workspace)
    sync_now(second)
    assert tree(second) == tree(workspace) != before
    kept = [s3.get(bucket, key) for key in s3.list(bucket, ".berth/trash/") if "/.berth/names/" in key]
    assert sorted(kept) == sorted(b"content of " + name for name in ODD_NAMES[:2])
    after = tree(workspace)
    second.stop()
    again(workspace)
    assert tree(workspace) == after


def test_a_key_that_another_program_spelled_is_found_and_moves(s3, bucket, start):
    """W25: it is the file of that name; written here it has one key, as any other."""
    s3.put(bucket, "tab\there.txt", "theirs")
    workspace = start()
    assert workspace.read("tab\there.txt") == "theirs"
    workspace.write("tab\there.txt", "ours")
    sync_now(workspace)
    assert {name: s3.get(bucket, name) for name in s3.files(bucket)} == {"tab\u2409here.txt": b"ours"}
    assert workspace.sync()["conflicts"] == 0 and [s3.get(bucket, key) for key in trash(workspace, "tab\u2409here.txt")] == [b"theirs"]
    again(workspace)
    assert workspace.read("tab\there.txt") == "ours"


def test_links_modes_and_empty_folders_come_back(start):
    """W25."""
    workspace = start()
    inside(workspace, MAKE_KINDS)
    before = tree(workspace)
    assert before["run.sh"][1] == 0o755 and before["broken"] == ("link", 0, "nowhere") and "empty/inside" in before
    again(workspace)
    assert tree(workspace) == before


def test_a_git_repository_is_whole(relay, start):
    """W25: objects go up before what refers to them, and what comes back is a repository."""
    workspace = start(**relay.source)
    git = "cd /workspace/repo && git -c user.name=a -c user.email=a@example.org -c commit.gpgsign=false "
    # Made where nothing is synced, so that all of it comes into view at once.
    aside = git.replace("/workspace/repo", "/workspace/node_modules/repo")
    workspace.shell("git init -q -b main /workspace/node_modules/repo")
    for number in range(5):
        workspace.shell(f"echo {number} > /workspace/node_modules/repo/file{number} && {aside} add -A && {aside} commit -q -m 'change {number}'")
    workspace.shell("mv /workspace/node_modules/repo /workspace/repo")
    sync_now(workspace)
    puts = [entry["path"] for entry in relay.log() if entry["method"] == "PUT" and "/repo/.git/" in entry["path"]]
    objects = [n for n, path in enumerate(puts) if "/.git/objects/" in path]
    refs = [n for n, path in enumerate(puts) if "/.git/refs/heads/" in path or path.endswith("/.git/HEAD")]
    assert objects and refs and max(objects) < min(refs), puts
    head = workspace.shell(f"{git} rev-parse HEAD")
    again(workspace)
    assert workspace.shell(f"{git} rev-parse HEAD") == head
    assert workspace.shell(f"{git} status --porcelain") == ""
    workspace.shell(f"{git} fsck --strict --no-dangling")


def test_two_workspaces_edit_the_same_file(s3, bucket, start):
    """W27: both versions stay, and the status says under which name."""
    s3.put(bucket, "shared.txt", "base")
    pair = [start(wait=False), start(wait=False)]
    for workspace in pair:
        workspace.wait_status("running")
        workspace.wait_file("shared.txt", "base")
    for workspace in pair:
        workspace.write("shared.txt", f"of {workspace.id}")
        workspace.write(f"own-{workspace.id}.txt", "mine")

    def versions():
        return {s3.get(bucket, name).decode(): name for name in s3.files(bucket, "shared.")}

    both = {f"of {workspace.id}" for workspace in pair}
    wait_until(lambda: set(versions()) == both, 60, lambda: f"both versions are kept: {versions()}")
    copy = next(name for name in versions().values() if name != "shared.txt")
    assert copy.startswith("shared.conflict-") and copy.endswith(".txt")

    def told():
        return [sync for sync in (workspace.sync() for workspace in pair) if sync["conflicts"] == 1 and copy in sync["message"]]

    wait_until(told, 60, lambda: f"one names the copy: {[workspace.sync() for workspace in pair]}")
    for workspace in pair:
        sync_now(workspace)
    sync_now(pair[0])
    for workspace in pair:
        assert workspace.read("shared.txt") in both and workspace.read(copy) in both - {workspace.read("shared.txt")}
        assert all(workspace.read(f"own-{other.id}.txt") == "mine" for other in pair)
    for workspace in pair:
        assert workspace.delete().status == 202
    for workspace in pair:
        workspace.wait_stopped()
    assert set(versions()) == both


def test_held_deletes_go_when_they_are_confirmed(s3, bucket, start):
    """W26."""
    names = sorted(f"file{n:02}" for n in range(40))
    for name in names:
        s3.put(bucket, name, name)
    workspace = start()
    workspace.shell("cd /workspace && rm " + " ".join(names[:30]))
    wait_until(lambda: workspace.sync()["state"] == "held", 60, lambda: f"held: {workspace.sync()}")
    assert workspace.sync()["heldDeletes"] == 30
    assert s3.files(bucket) == names
    sync_now(workspace)
    assert s3.files(bucket) == names, "a sync is no confirmation"
    ask(workspace, "sync/confirm-deletes", "confirmDeletes")
    assert s3.files(bucket) == names[30:]
    kept = trash(workspace, names[0])
    assert len(kept) == 1 and s3.get(bucket, kept[0]) == names[0].encode()
    wait_until(lambda: workspace.sync()["state"] == "idle" and workspace.sync()["heldDeletes"] == 0, 30, "nothing is held")


def test_sync_now_brings_and_takes_at_once(api, s3, bucket, start):
    """W25: both ways; without it the change of others would come with the next compare, ten minutes later."""
    workspace = start()
    s3.put(bucket, "theirs.txt", "put by another program")
    workspace.write("mine.txt", "mine")
    sync_now(workspace)
    assert workspace.read("theirs.txt") == "put by another program"
    assert workspace.stored("mine.txt") == "mine"
    workspace.stop()
    assert api.request("POST", f"/api/containers/{workspace.id}/sync").status == 409


def test_receipts_prove_what_is_in_the_bucket(api, s3, bucket, start):
    """W28."""
    workspace = start()
    for text in ("first", "second"):
        workspace.write("file.txt", text)
        again(workspace)
    workspace.stop()
    receipts = api.expect(200, "GET", f"/api/containers/{workspace.id}/receipts")["receipts"]
    final = [receipt for receipt in receipts if receipt["final"]]
    assert len(final) == 3 and [one["at"] for one in final] == sorted(one["at"] for one in final)
    manifest = s3.get(bucket, f".berth/manifests/{workspace.id}.json")
    assert final[-1]["manifestHash"] == hashlib.sha256(manifest).hexdigest()
    assert final[-1]["files"] == 1 and final[-1]["bytes"] == len("second")


def test_the_tree_of_an_earlier_time(s3, bucket, start):
    """W26: there and back, with what was unpacked with an old time, links, modes and folders."""
    s3.put(bucket, "foreign.txt", "put by another program")
    workspace = start()
    workspace.shell("cd /workspace && mkdir -p src empty && echo one > src/edited && echo gone > deleted && "
                    "echo x > tool && ln -s src/edited link && chmod 640 deleted")
    sync_now(workspace)
    then, before = now(), tree(workspace)
    workspace.shell("cd /workspace && echo two > src/edited && rm deleted link && rmdir empty && chmod 755 tool && "
                    "echo mine > foreign.txt && mkdir -p new/empty && echo added > new/added && "
                    "echo old > unpacked && touch -d 2001-01-01 unpacked && ln -s tool link2")
    sync_now(workspace)
    workspace.shell("rm /workspace/unpacked")
    sync_now(workspace)
    assert trash(workspace, "src/edited") and trash(workspace, "deleted")
    later, after = now(), tree(workspace)
    ask(workspace, "restore", "restore", f"?at={then}")
    assert tree(workspace) == before
    assert s3.files(bucket) == ["deleted", "foreign.txt", "src/edited", "tool"]
    ask(workspace, "restore", "restore", f"?at={later}")
    assert tree(workspace) == after
    again(workspace)
    assert tree(workspace) == after


@pytest.mark.parametrize("at", ["", "?at=yesterday", "?at=2001-01-01T00:00:00Z", "?at=2999-01-01T00:00:00Z"])
def test_a_time_that_can_not_be(api, start, at):
    workspace = start(wait=False)
    answer = api.request("POST", f"/api/containers/{workspace.id}/restore{at}")
    assert answer.status == 400 and "at" in answer.text, answer


def test_large_files(s3, bucket, start):
    """W25: on both sides of the border from which on rclone moves them."""
    sizes = {"small.bin": 64 * MIB - 1, "border.bin": 64 * MIB, "large.bin": 70 * 1000 * 1000}
    workspace = start()
    for name, size in sizes.items():
        workspace.shell(f"head -c {size} /dev/urandom > /workspace/{name}")
    workspace.shell("chmod 755 /workspace/large.bin && touch -d '2020-02-02 02:02:02.5' /workspace/large.bin")
    facts = "cd /workspace && sha256sum *.bin && stat -c '%n %s %a %y' *.bin"
    before = workspace.shell(facts)
    sync_now(workspace)
    written = {name: "x-amz-meta-berth-written" in s3.head(bucket, name) for name in sizes}
    assert written == {"small.bin": True, "border.bin": False, "large.bin": False}
    again(workspace)
    assert workspace.shell(facts) == before
    workspace.shell("cd /workspace && rm border.bin && echo less > large.bin")
    sync_now(workspace)
    assert s3.files(bucket) == ["large.bin", "small.bin"]
    for name in ("border.bin", "large.bin"):
        kept = trash(workspace, name)
        assert len(kept) == 1 and int(s3.head(bucket, kept[0])["content-length"]) == sizes[name]


def test_what_is_not_synced(s3, bucket, start):
    workspace = start()
    kept = ["code/main.py", "code/Cargo.lock", "target/x", "venv.txt"]
    left = ["code/node_modules/a/b.js", ".venv/lib/x", "code/__pycache__/a.pyc", ".cache/x", "env/pyvenv.cfg", "env/bin/python",
            ".main.py.swp", "code/.DS_Store"]
    for name in kept + left:
        workspace.write(name, "x")
    workspace.shell("cd /workspace && mkfifo pipe && mkdir -p code/.git && touch code/.git/index.lock")
    sync_now(workspace)
    assert s3.files(bucket) == sorted(kept)
    again(workspace)
    assert sorted(name for name, what in tree(workspace).items() if what[0] == "file") == sorted(kept)


def counted(api, workspace):
    """What berth_workspace_s3_requests_total says of it."""
    series = f'berth_workspace_s3_requests_total{{workspace="{workspace.id}"}} '
    return sum(float(line.removeprefix(series)) for line in api.get("/metrics").text.splitlines() if line.startswith(series))


def test_requests(api, relay, start):
    """W25, W36: an edit costs at most three requests, a new file two, waiting none, and a compare one. Counted at the server."""
    workspace = start(**relay.source)
    workspace.write("file.txt", "1")
    sync_now(workspace)

    def cost(action, timeout=40):
        """Requests until the manifest is up, and that no other one comes in the time of a sync."""
        before = len(relay.log())
        action()
        if timeout:
            manifest = f"/.berth/manifests/{workspace.id}.json"
            wait_until(lambda: any(entry["method"] == "PUT" and entry["path"].endswith(manifest) and entry["status"] == 200
                                   and "trash" not in entry["path"] for entry in relay.log()[before:]), timeout, "the manifest")
        made = len(relay.log())
        stays(lambda: len(relay.log()) == made, 18, "no request without a change")
        return [f"{entry['method']} {entry['path']}" for entry in relay.log()[before:]]

    edit = cost(lambda: workspace.write("file.txt", "2"))
    assert 0 < len(edit) <= 3, edit
    new = cost(lambda: workspace.write("new.txt", "1"))
    assert 0 < len(new) <= 2, new
    compare = cost(lambda: sync_now(workspace), timeout=None)
    assert len(compare) == 1 and "list-type=2" in compare[0], compare
    wait_until(lambda: len(edit) + len(new) + 1 <= workspace.sync()["s3Requests"] == counted(api, workspace), 40,
               lambda: f"they are told: {workspace.sync()['s3Requests']}, as metric {counted(api, workspace)}")
