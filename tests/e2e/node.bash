# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# An honest node: everything a user and an operator do with it.

start_node a
node_a=("${node[@]}") port_a=$port pid_a=$pid

check 'status' 0 '^state +running' - "$aegis" status "${node[@]}"
check_json 'status --json' 0 state chainId provider headNumber -- "$aegis" status "${node[@]}" --json
check 'status by another name of loopback' 0 '^state +running' - "$aegis" status --node "http://localhost:$port"
check 'order' 0 '^mode +hybrid' - "$aegis" order "${node[@]}"
check 'order: switching without the token is denied' 4 - 'operator' "$aegis" order risk-aware --node "http://127.0.0.1:$port" --dir none
check 'order: switching' 0 '^mode +risk-aware' - "$aegis" order risk-aware "${node[@]}"
check 'the next batch is ordered like that' 0 '^outcome +included' - "$aegis" tx send "${node[@]}" --key carol --to "$to" --wait --quiet
check '... and says so' 0 '^orderMode +risk-aware' - "$aegis" batch show "${node[@]}"
check_json 'order --json' 0 mode -- "$aegis" order "${node[@]}" --json
check_that '... too' grep -q risk-aware out
check 'order: back' 0 '^mode +hybrid' - "$aegis" order hybrid "${node[@]}"

check 'keys' 0 '^evidence: insecure-sim, UpToDate, accepted' - "$aegis" keys "${node[@]}"
check 'keys lists both KEMs' 0 '0x0051 MLKEM1024-P384, 1665 bytes' - "$aegis" keys "${node[@]}"
check 'keys --verbose gives each claim' 0 '^ +ok +report data ' - "$aegis" keys "${node[@]}" --verbose
check_json 'keys --json' 0 digest chainId 'kems.*.publicKey' mldsa87 'evidence.claims.*.reason' -- "$aegis" keys "${node[@]}" --json
check 'keys --out' 0 - - "$aegis" keys "${node[@]}" --out bundle
check_that '... writes the bundle' test -s bundle
check 'evidence show' 0 '^ +ok +quote signature' - "$aegis" evidence show "${node[@]}"
check_json 'evidence show --json' 0 evidence verdict.accepted 'verdict.claims.*.reason' -- "$aegis" evidence show "${node[@]}" --json
check 'evidence show --out' 0 - - "$aegis" evidence show "${node[@]}" --out quote
check_that '... writes a TDX quote of version 4' test "$(head -c 2 quote | od -An -tu1 | tr -s ' ')" = ' 4 0'

# Whoever follows events sees all three kinds.
"$aegis" events "${node[@]}" --json --topics pool,batch,receipt >events 2>events.err &
listener=$!
pids+=("$listener")
sleep 0.2

check 'tx send, by options' 0 '^admitted' - "$aegis" tx send "${node[@]}" --key alice --to "$to" --value 1 --nonce 0
first=$(value envelopeId)
check 'tx send says where to look next' 0 "aegis tx status 0x[0-9a-f]+ --node" - "$aegis" tx send "${node[@]}" --key bob --to "$to" --nonce 0
check_json 'tx send --json --wait' 0 envelopeId batch txIndex txHash -- "$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 1 --json --wait
"$aegis" tx make --key alice --to "$to" --nonce 2 >raw
check 'tx send, raw' 0 '^admitted' - "$aegis" tx send "${node[@]}" "$(<raw)"
check 'tx send: the same again is a replay' 3 - 'ENVELOPE_REPLAY' "$aegis" tx send "${node[@]}" "$(<raw)"
"$aegis" tx make --key alice --to "$to" --nonce 3 >raw
stdin=raw
check 'tx send, from standard input, with the other suite' 0 '^admitted' - "$aegis" tx send "${node[@]}" - --suite 0x0042
check 'tx send --suite 0x0051 --risk --asset, unsorted' 0 '^outcome +included' - "$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 4 --wait --quiet \
    --suite 0x0051 --risk 9000 --asset "0x${zeros:1}2,${zeros:1}1"
check 'tx send: a KEM that the node has not' 8 - 'aegis keys' "$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 5 --suite 0x0010
check 'tx send: another chain' 3 - 'chain-id: limit 16584, got 1' "$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 5 --chain-id 1
"$aegis" tx make --key alice --to "$to" --nonce 5 --chain-id 1 >other
check 'tx send: signed for another chain' 3 - 'TX_CHAIN' "$aegis" tx send "${node[@]}" "$(<other)"
check 'tx send: not enough gas to run' 3 - 'TX_INTRINSIC' "$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 5 --gas 20999
check 'tx send: fee over the cap' 3 - 'TX_INTRINSIC' "$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 5 --priority-fee 5 --max-fee 4
check 'tx send: expired before it is there' 3 - 'ENVELOPE_EXPIRED|ENVELOPE_FUTURE' "$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 5 --expires-in 86400
check 'tx seal' 0 '^0x[0-9a-f]+$' - "$aegis" tx seal "${node[@]}" --key alice --to "$to" --nonce 5
check_json 'tx seal --json' 0 envelopeId envelope expiresMs -- "$aegis" tx seal "${node[@]}" --key alice --to "$to" --nonce 5 --json

check 'tx status' 0 '^state +committed' - "$aegis" tx status "$first" "${node[@]}"
check 'tx status: unknown id' 0 '^state +unknown' - "$aegis" tx status "$zeros" "${node[@]}"
check_json 'tx status --json' 0 state outcome.status -- "$aegis" tx status "$first" "${node[@]}" --json

kill "$listener" 2>/dev/null
wait "$listener" 2>/dev/null
all_json() { while read -r line; do "$json_get" event data <<<"$line" >/dev/null || return 1; done <events; }
check_that 'events: each line is a document' all_json
for kind in pool batch receipt; do
    check_that "events: $kind" grep -q "\"event\": *\"$kind\"" events
done

# Receipts of the three kinds.
check 'receipt get, in hex' 0 '^0x[0-9a-f]+$' - "$aegis" receipt get "$first" "${node[@]}"
cp out inclusion.hex
check 'receipt get --out' 0 - - "$aegis" receipt get "$first" "${node[@]}" --out inclusion
check_json 'receipt get --json' 0 kind receipt -- "$aegis" receipt get "$first" "${node[@]}" --json
check 'receipt get: unknown id' 3 - NOT_FOUND "$aegis" receipt get "$zeros" "${node[@]}"
rpc 1 aegis_getAdmissionReceipt "[\"$first\"]" | "$json_get" result.receipt >admission.hex
sed 's/^0x//; s/../\\x&/g' admission.hex >escaped
# shellcheck disable=SC2059  # escapes
printf "$(<escaped)" >admission
check 'receipt verify: inclusion, with the node' 0 '^verified: inclusion' - "$aegis" receipt verify inclusion "${node[@]}"
stdin=inclusion.hex
check 'receipt verify: hex on standard input' 0 '^verified: inclusion' - "$aegis" receipt verify - --bundle bundle
check 'receipt verify: admission' 0 '^verified: admission.*by 20' - "$aegis" receipt verify admission --bundle bundle
check_json 'receipt verify --json' 0 accepted kind reason envelopeId admission batch -- "$aegis" receipt verify inclusion --bundle bundle --json

check 'batch list' 0 '^ +1 +20[0-9-]+T' - "$aegis" batch list "${node[@]}"
check_json 'batch list --json' 0 '*.number' '*.digest' -- "$aegis" batch list "${node[@]}" --json
check 'batch list --from --count' 0 '^ +2 ' - "$aegis" batch list "${node[@]}" --from 2 --count 1
check_that '... gives one' test "$(wc -l <out)" = 2
check 'batch show' 0 '[0-9]+ of [0-9]+ outcomes?, in' - "$aegis" batch show "${node[@]}"
check 'batch show 1' 0 '^number +1$' - "$aegis" batch show 1 "${node[@]}"
check_json 'batch show --json' 0 number digest 'outcomes.*.envelopeId' -- "$aegis" batch show 1 "${node[@]}" --json
check 'batch show: no such batch' 3 - BATCH_NUMBER "$aegis" batch show 4000000 "${node[@]}"
check 'batch export' 0 - - "$aegis" batch export 1 "${node[@]}" --out batch1
"$aegis" batch export 2 "${node[@]}" --out batch2
check_json 'batch export --json' 0 file bytes -- "$aegis" batch export 1 "${node[@]}" --out batch1 --json
check 'batch export: no such batch' 3 - BATCH_NUMBER "$aegis" batch export 4000000 "${node[@]}" --out none
check_that '... writes nothing' test ! -e none
check 'batch export where nothing can be written' 6 - 'No such file' "$aegis" batch export 1 "${node[@]}" --out none/batch
check 'status to a full disk' 6 '*' 'standard output' bash -c '"$0" status "${@}" >/dev/full' "$aegis" "${node[@]}"

# A node of other hardware, whose evidence this policy does not name.
"$aegis" init --insecure-sim --dir b --listen 127.0.0.1:0 >/dev/null
start_node b
node_b=("${node[@]}") pid_b=$pid
printf 'accept_tee = tdx\nmr_td = %s%s\n' "$zeros" "${zeros:32}" >tdx.policy
other=(--node "${node_b[1]}" --dir a)
for row in 'the policy of other hardware|' 'a policy for hardware alone|--policy tdx.policy'; do
    IFS='|' read -r what flags <<<"$row"
    # shellcheck disable=SC2206  # words
    flags=($flags)
    check "tx send, under $what: nothing is sealed" 4 - 'Nothing was sealed' "$aegis" tx send "${other[@]}" "${flags[@]}" --key alice --to "$to"
    check "tx seal, under $what" 4 - FAILED "$aegis" tx seal "${other[@]}" "${flags[@]}" --key alice --to "$to"
    check "keys, under $what" 4 - EVIDENCE_DENIED "$aegis" keys "${other[@]}" "${flags[@]}"
    check "receipt verify, under $what" 4 - EVIDENCE_DENIED "$aegis" receipt verify inclusion "${other[@]}" "${flags[@]}"
done
check 'keys --json under such a policy: one document on standard error' 4 - '"EVIDENCE_DENIED"' "$aegis" keys "${other[@]}" --json
check_that '... which says why' eval '"$json_get" error.while error.hint <err >values'
check 'the node has heard of no envelope' 0 '^nextAdmission +1$' - "$aegis" status "${node_b[@]}"
check 'receipt verify: of another node' 1 '^refused: ' - "$aegis" receipt verify inclusion "${node_b[@]}"
pid=$pid_b
stop_node
port=$port_a pid=$pid_a node=("${node_a[@]}")
