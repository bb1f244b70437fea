# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Judging offline: the node is stopped, and every byte may lie.

pid=$pid_a
stop_node
check_that 'the node is stopped' test "$status" = 0

digest() { "$aegis" batch verify "$1" --dir a --json | "$json_get" digest; }
check 'batch verify' 0 '^verified: batch 1, 1 transaction in .*ML-DSA-87 ok, SLH-DSA-SHA2-256s ok, evidence insecure-sim UpToDate' - "$aegis" batch verify batch1 --dir a
last_line() { [[ $(tail -n 1 out) == "$1"* && $(grep -c "^$1" out) == 1 ]]; }
check_that '... in its last line, once' last_line 'verified: batch 1,'
check_that '... with every claim and the count of those about evidence' test "$(grep -cE '^ +(ok|not asked) |claims: [0-9]+ passed, 0 failed' out)" -ge 18
check 'batch verify --verbose' 0 '^ +ok +quote signature' - "$aegis" batch verify batch1 --dir a --verbose
check 'batch verify --quiet' 0 '^verified' - "$aegis" batch verify batch1 --dir a --quiet
check_that '... is one line' test "$(wc -l <out)" = 1
check 'batch verify --threads 1' 0 '^verified' - "$aegis" batch verify batch1 --dir a --threads 1
check 'batch verify --now' 0 '^verified' - "$aegis" batch verify batch1 --dir a --now
stdin=batch1
check 'batch verify, from standard input' 0 '^verified' - "$aegis" batch verify - --dir a
check_json 'batch verify --json: a reason for every claim' 0 accepted number digest 'claims.*.claim' 'claims.*.result' 'claims.*.reason' \
    'bundleEvidence.claims.*.reason' 'batchEvidence.claims.*.reason' -- "$aegis" batch verify batch1 --dir a --json
check 'batch verify: batch 2 follows batch 1' 0 '^verified: batch 2,' - "$aegis" batch verify batch2 --dir a --parent "$(digest batch1)"
genesis=$("$aegis" batch verify batch1 --dir a --json | "$json_get" parent)
check 'batch verify: batch 2 is of the chain that batch 1 begins' 0 '^ +ok +genesis ' - "$aegis" batch verify batch2 --dir a --genesis "$genesis"
check 'batch verify: --genesis of another chain' 1 '^ +FAILED +genesis ' - "$aegis" batch verify batch2 --dir a --genesis "$(digest batch1)"
check 'batch verify: --genesis is no digest' 2 - '48 bytes' "$aegis" batch verify batch2 --dir a --genesis 0x12
check 'batch verify: batch 1 does not follow itself' 1 '^ +FAILED +parent ' - "$aegis" batch verify batch1 --dir a --parent "$(digest batch1)"
check_that '... refused in its last line, once' last_line 'refused: batch 1,'
check 'batch verify: under the policy of other hardware' 1 '^refused: batch 1,' - "$aegis" batch verify batch1 --dir b
check_that '... the failed claim about evidence is printed' grep -qE '^ +FAILED +(platform certificate chain|policy: measurement)' out
check 'batch verify: under a policy for hardware alone' 1 '^ +FAILED +(trust anchor|platform certificate chain)' - "$aegis" batch verify batch1 --policy tdx.policy
check_json '... --json: accepted is false' 1 accepted 'claims.*.reason' -- "$aegis" batch verify batch1 --policy tdx.policy --json
check_that '... is what it says' test "$(head -n 1 values)" = no
check 'evidence verify' 0 'evidence over the batch header' - "$aegis" evidence verify batch1 --dir a
check_json 'evidence verify --json' 0 bundleEvidence.accepted 'batchEvidence.claims.*.reason' -- "$aegis" evidence verify batch1 --dir a --json
check 'evidence verify: under the policy of other hardware' 1 'FAILED' - "$aegis" evidence verify batch1 --dir b

# Another byte at this place.
tamper() { # FROM TO OFFSET
    local byte
    byte=$(od -An -tu1 -j "$3" -N 1 "$1" | tr -d ' ')
    cp "$1" "$2"
    # shellcheck disable=SC2059  # an escape
    printf "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}
size=$(stat -c %s batch1)
for at in 0 5 100 300 1000 5000 9000 20000 36000 $((size / 2 + 12345)) $((size - 300)) $((size - 1)); do
    tamper batch1 bad "$at"
    check "batch verify: byte $at of $size changed" 1 '^refused: batch' - "$aegis" batch verify bad --dir a
done
for at in 1 100 5000 $((size - 1)); do
    head -c "$at" batch1 >bad
    check "batch verify: cut after byte $at" 1 '^refused: batch' - "$aegis" batch verify bad --dir a
done
cat batch1 batch1 >bad
check 'batch verify: another one behind it' 1 '^refused: batch' - "$aegis" batch verify bad --dir a

# Every kind of receipt is refused when it was touched.
check_receipt() { # FILE KIND
    local kind=$2 size at
    size=$(stat -c %s "$1")
    check "receipt verify: $kind, offline" 0 "^verified: $kind" - "$aegis" receipt verify "$1" --bundle bundle
    for at in 0 3 40 120 $((size / 2)) $((size - 1)); do
        tamper "$1" bad "$at"
        check "receipt verify: $kind, byte $at of $size changed" 1 '^refused: ' - "$aegis" receipt verify bad --bundle bundle
    done
    head -c $((size - 1)) "$1" >bad
    check "receipt verify: $kind, cut" 1 '^refused: ' - "$aegis" receipt verify bad --bundle bundle
    check "receipt verify: $kind, under another bundle" '1|3' '*' '*' "$aegis" receipt verify "$1" --bundle other.bundle
}
tamper bundle other.bundle $(($(stat -c %s bundle) - 200))
check_receipt admission admission
check_receipt inclusion inclusion
check_json 'receipt verify --json: refused with a reason' 1 accepted reason error field -- "$aegis" receipt verify bad --bundle bundle --json
