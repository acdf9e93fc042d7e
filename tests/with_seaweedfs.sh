#!/usr/bin/env bash
# Runs a command beside a SeaweedFS of its own, which has a bucket "contract" and goes away with the command:
#   tests/with_seaweedfs.sh build/dev/contract_s3
# The command finds BERTH_TEST_S3, BERTH_TEST_S3_KEY, BERTH_TEST_S3_SECRET and BERTH_TEST_RCLONE.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in common packages; do
    # shellcheck source=/dev/null
    source "$root/deploy/lib/$part.sh"
done

# Ports that are free, and whose neighbours 10000 above are as well: SeaweedFS takes both.
free_ports() {
    python3 -c '
import random, socket
held, found = [], []
while len(found) < 4:
    port = random.randrange(20000, 30000)
    pair = [socket.socket(), socket.socket()]
    try:
        for each, number in zip(pair, (port, port + 10000)):
            each.bind(("127.0.0.1", number))
    except OSError:
        continue
    held += pair
    found.append(port)
print(*found)'
}

end() {
    local port
    if [[ -n ${server:-} ]]; then
        kill -KILL "$server" 2>/dev/null || true # what it has is not kept, and it takes its time otherwise
        wait "$server" 2>/dev/null || true
        for port in "${ports[@]}"; do rm -f /tmp/seaweedfs-*-"$port.sock" /tmp/seaweedfs-*-"$((port + 10000)).sock"; done
    fi
    rm -rf "$folder"
}

s3() { curl -sf -m 10 --user "$BERTH_TEST_S3_KEY:$BERTH_TEST_S3_SECRET" --aws-sigv4 aws:amz:us-east-1:s3 "$@"; }

# A volume to write to comes a moment after the bucket.
writable() {
    s3 -o /dev/null -X PUT "$BERTH_TEST_S3/contract" || true
    s3 -X PUT -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" -d there "$BERTH_TEST_S3/contract/there"
}

main() {
    (($#)) || die "usage: tests/with_seaweedfs.sh COMMAND…"
    ensure_tools
    folder=$(mktemp -d)
    trap end EXIT
    BERTH_TEST_S3_KEY=$(openssl rand -hex 10)
    BERTH_TEST_S3_SECRET=$(openssl rand -hex 20)
    BERTH_TEST_RCLONE=$(berth_tools)/bin/rclone

    read -ra ports < <(free_ports)
    BERTH_TEST_S3=http://127.0.0.1:${ports[3]}
    export BERTH_TEST_S3 BERTH_TEST_S3_KEY BERTH_TEST_S3_SECRET BERTH_TEST_RCLONE
    printf '{"identities":[{"name":"test","actions":["Admin","Read","Write","List","Tagging"],"credentials":[{"accessKey":"%s","secretKey":"%s"}]}]}' \
        "$BERTH_TEST_S3_KEY" "$BERTH_TEST_S3_SECRET" >"$folder/s3.json"
    mkdir "$folder/data"
    WEED_MASTER_VOLUME_GROWTH_COPY_1=1 "$(berth_tools)/bin/weed" server -dir="$folder/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
        -master.port="${ports[0]}" -volume.port="${ports[1]}" -filer.port="${ports[2]}" -s3 -s3.port="${ports[3]}" \
        -s3.port.iceberg=0 -s3.port.lance=0 -s3.config="$folder/s3.json" -s3.autoCreateBucket=false -master.telemetry=false \
        -master.volumeSizeLimitMB=64 -volume.max=20 >"$folder/log" 2>&1 &
    server=$!
    wait_for 30 "SeaweedFS to take files" writable || { tail -20 "$folder/log" >&2; exit 1; }
    "$@"
}

main "$@"
