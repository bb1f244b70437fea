# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Servers that are no node, and a node that lies: a typed error, never a crash, never a hang.

kill -0 "$pid" 2>/dev/null || start_node a
answer() { # BODY: as a whole answer, in the file `said`
    printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "${#1}" "$1" >said
}
fine() { answer "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":$1}"; }

deep=$(printf '[%.0s' {1..100})
while IFS='|' read -r name status err body; do
    answer "$body"
    start_fake raw said
    check "status, told $name" "$status" - "$err" "$aegis" status "${lying[@]}"
    stop_fake
done <<TABLE
no JSON|3|NET_PROTOCOL|<html><body>It works!</body></html>
nothing|3|NET_PROTOCOL|
half a document|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"result":{
a document and a half|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"result":{}}{
brackets without end|3|NET_PROTOCOL|$deep
a member twice|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}
an answer to another call|3|not to this call|{"jsonrpc":"2.0","id":9,"result":{}}
an answer to no call|3|not to this call|{"jsonrpc":"2.0","result":{}}
no result|3|not to this call|{"jsonrpc":"2.0","id":1}
null|3|NET_PROTOCOL|null
a list for a result|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"result":[]}
a text for a result|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"result":"fine"}
a fraction|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"result":{"a":1.5}}
an error without data|3|boo|{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"boo"}}
an error of no known code|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"boo","data":{"code":"0x7777"}}}
an error whose code is success|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"boo","data":{"code":"0x0000"}}}
an error whose code is too large|3|NET_PROTOCOL|{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"boo","data":{"code":"0x10a0a0101"}}}
an error that we know|5|BUSY|{"jsonrpc":"2.0","id":1,"error":{"code":-32012,"message":"x","data":{"code":"0x0006","field":"pool"}}}
TABLE
while IFS='|' read -r name status err text; do
    # shellcheck disable=SC2059  # escapes
    printf "$text" >said
    start_fake raw said
    check "status, answered with $name" "$status" - "$err" "$aegis" status "${lying[@]}"
    stop_fake
done <<'TABLE'
nothing at all|3|NET_PROTOCOL|
no HTTP|3|NET_PROTOCOL|hello, world\r\n\r\n
NUL bytes|3|NET_PROTOCOL|HTTP/1.1 200 OK\r\nX: a\\0b\r\n\r\n{}
another protocol|3|NET_PROTOCOL|SSH-2.0-OpenSSH_9.2\r\n
half of a head|3|NET_PROTOCOL|HTTP/1.1 200 OK\r\nContent-Le
half of a body|3|NET_PROTOCOL|HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"js
two lengths|3|NET_PROTOCOL|HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}
a length that is no number|3|NET_PROTOCOL|HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}
a length without end|3|NET_PROTOCOL|HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}
bad chunks|3|NET_PROTOCOL|HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n
404|3|HTTP status 404|HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n
500|3|HTTP status 500|HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n
503|5|HTTP status 503|HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n
a redirect|3|HTTP status 302|HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n
TABLE

start_fake silent
check 'status: a server that never answers' 5 - NET_TIMEOUT "$aegis" status "${lying[@]}" --timeout 1
stop_fake
start_fake trickle
check 'status: one that answers for ever' 5 - NET_TIMEOUT "$aegis" status "${lying[@]}" --timeout 1
stop_fake
start_fake huge
check 'status: one that says too much' 5 - NET_LIMIT "$aegis" status "${lying[@]}"
check 'batch export: the same' 5 - NET_LIMIT "$aegis" batch export 1 --out none "${lying[@]}"
check 'events: the same' '3|5' '*' . "$aegis" events "${lying[@]}"
stop_fake

# What could steer a terminal does not reach it.
fine '{"state":"run\u001b[31mning\u009b","cha\u001binId":"\u0007"}'
start_fake raw said
check 'status: escapes in values and names' 0 $'![\x1b\x07\x9b]' - "$aegis" status "${lying[@]}"
stop_fake
answer '{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"\u001b]0;x\u0007","data":{"code":"0x0004","field":"\u001b[2J"}}}'
start_fake raw said
check 'status: escapes in an error' 3 - $'![\x1b\x07]' "$aegis" status "${lying[@]}"
stop_fake
fine '[{"number":1,"digest":"\u001b[31m","timeMs":99999999999999999},{"number":"x"},7,null]'
start_fake raw said
check 'batch list: odd rows' 0 $'!\x1b' - "$aegis" batch list "${lying[@]}"
stop_fake

# The operator's token stays at home. A server that is told it shows it: here it only must not come.
start_fake proxy "$port"
check 'through an honest proxy everything works' 0 '^outcome +included' - "$aegis" tx send "${lying[@]}" --key bob --to "$to" --nonce 12 --wait --quiet
mine=$(value envelopeId)
stop_fake

# Old evidence, over another nonce than ours.
rpc 1 aegis_getEvidence "[\"0x$zeros\"]" >old.json
"$json_get" result.evidence <old.json >old.evidence
start_fake proxy "$port" aegis_getEvidence=old.json
check 'keys: evidence replayed from an earlier call' 4 - 'report data' "$aegis" keys "${lying[@]}"
check 'tx send: the same, and nothing is sent' 4 - 'Nothing was sealed' "$aegis" tx send "${lying[@]}" --key bob --to "$to" --nonce 13
stop_fake
start_fake proxy "$port" aegis_getEvidence:evidence=old.evidence
check 'keys: only the evidence replayed' 4 - 'report data' "$aegis" keys "${lying[@]}"
stop_fake

# Fresh evidence, another node's keys.
pid_honest=$pid port_honest=$port
start_node b
rpc 1 aegis_getBundle '[]' | "$json_get" result.bundle >other.bundle.hex
rpc 1 aegis_getEvidence "[\"0x$zeros\"]" | "$json_get" result.collateral >other.collateral
stop_node
pid=$pid_honest port=$port_honest node=("${node_a[@]}")
node[1]=http://127.0.0.1:$port
while IFS='|' read -r what member file status err; do
    start_fake proxy "$port" "aegis_getEvidence:$member=$file"
    check "tx send: $what" "$status" - "$err" "$aegis" tx send "${lying[@]}" --key bob --to "$to" --nonce 13
    stop_fake
done <<'TABLE'
keys of another node under this one's evidence|bundle|other.bundle.hex|4|report data
keys that are garbage|bundle|said|3|evidence
no keys|bundle|empty|3|NET_PROTOCOL
evidence that is not hex|evidence|said|3|evidence
no evidence|evidence|empty|3|NET_PROTOCOL
collateral of other hardware|collateral|other.collateral|4|FAILED
no collateral|collateral|empty|3|NET_PROTOCOL
TABLE

# Receipts: of another envelope, altered, missing.
"$aegis" receipt get "$mine" "${node[@]}" >other.outcome
rpc 1 aegis_getAdmissionReceipt "[\"$mine\"]" | "$json_get" result.receipt >other.receipt
sed 's/^\(0x.\{400\}\)./\1f/' other.receipt >flipped
cmp -s flipped other.receipt && sed -i 's/^\(0x.\{400\}\)./\10/' flipped
nonce=13
while IFS='|' read -r what rule status err; do
    start_fake proxy "$port" "$rule"
    check "tx send --wait: $what" "$status" - "$err" "$aegis" tx send "${lying[@]}" --key bob --to "$to" --nonce $nonce --wait
    nonce=$((nonce + 1))
    stop_fake
done <<'TABLE'
the admission receipt of another envelope|aegis_sendEnvelope:receipt=other.receipt|3|another envelope
an altered admission receipt|aegis_sendEnvelope:receipt=flipped|3|does not hold
no admission receipt|aegis_sendEnvelope:receipt=empty|3|does not hold
an outcome receipt for the admission|aegis_sendEnvelope:receipt=other.outcome|[38]|does not hold
the outcome receipt of another envelope|aegis_getOutcomeReceipt:receipt=other.outcome|3|another envelope
an admission receipt for the outcome|aegis_getOutcomeReceipt:receipt=other.receipt|[38]|does not hold
TABLE
start_fake proxy "$port" aegis_sendEnvelope:envelopeId="$dir/empty"
check 'tx send: the id that is printed is ours, whatever the node says' 0 '^envelopeId +0x[0-9a-f]{64}$' - "$aegis" tx send "${lying[@]}" --key bob --to "$to" --nonce $nonce
stop_fake
check 'and the honest node has them all' 0 "^state +running" - "$aegis" status "${node[@]}"
stop_node
