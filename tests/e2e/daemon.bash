# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# The daemon as its operator meets it.

check 'aegisd --help' 0 'batch_interval_ms|batch-interval-ms' - "$aegisd" --help
check 'aegisd --version' 0 '^aegisd [0-9.]+, OpenSSL' - "$aegisd" --version
check 'aegisd --print-config' 0 '^chain_id = 16584' - "$aegisd" --config a/aegis.conf --print-config
check 'aegisd --print-policy' 0 '^mr_td = ' - "$aegisd" --config a/aegis.conf --print-policy
check 'aegisd: unknown flag' 3 - 'nonsense' "$aegisd" --config a/aegis.conf --nonsense 1
check 'aegisd: an argument that is no flag' 3 - 'aegisd: ' "$aegisd" --config a/aegis.conf start
check 'aegisd: a flag without its value' 3 - 'chain' "$aegisd" --config a/aegis.conf --chain_id
check 'aegisd: no such file' 3 - 'none' "$aegisd" --config none
check 'aegisd: a directory for a file' '3|6' - 'lonely' "$aegisd" --config lonely
{ cat a/aegis.conf && echo 'batch_tx_max = 20000'; } >bad.conf
check 'aegisd: a value out of range names file and line' 3 - "bad.conf:$(wc -l <bad.conf): batch_tx_max" "$aegisd" --config bad.conf
{ cat a/aegis.conf && echo 'colour = blue'; } >bad.conf
check 'aegisd: an unknown key names file and line' 3 - "bad.conf:$(wc -l <bad.conf): .*colour" "$aegisd" --config bad.conf
grep -v allow_insecure_sim a/aegis.conf >bad.conf
check 'aegisd: insecure-sim without leave is refused by name' 4 - 'allow_insecure_sim.*TEE_SIMULATED' "$aegisd" --config bad.conf
check 'aegisd: hardware that is not there' 6 - 'TEE' "$aegisd" --config a/aegis.conf --provider tdx
check 'aegisd: data_dir cannot be made' 6 - 'data_dir .*Not a directory' "$aegisd" --config a/aegis.conf --data_dir /dev/null/data
check 'aegisd: data_dir is a file' 6 - 'data_dir .*Not a directory' "$aegisd" --config a/aegis.conf --data_dir "$dir/nuls"
if [[ $(id -u) != 0 ]]; then
    mkdir closed && chmod 0500 closed
    check 'aegisd: data_dir is not ours to write' 6 - 'data_dir .*Permission denied' "$aegisd" --config a/aegis.conf --data_dir "$dir/closed"
else
    skip 'aegisd: data_dir without write permission: root writes everywhere'
fi

start_node a
check 'aegisd: the data_dir is open already' '5|6' - 'LOCKED|TEE' "$aegisd" --config a/aegis.conf --listen 127.0.0.1:0
mkdir c
check 'aegisd: a second store beside it, on hardware of its own' 5 - 'STORE_LOCKED' "$aegisd" --config a/aegis.conf --sim_dir "$dir/c/sim-hardware" --listen 127.0.0.1:0
check 'aegisd: the address is taken' 6 - "127.0.0.1:$port.*NET" "$aegisd" --config b/aegis.conf --listen "127.0.0.1:$port"

# What watches a node.
has_line() { grep -qE -e "$1" out; }
get /health >out
check_that 'GET /health: good' has_line '"health": ?"good"'
get /metrics >out
check_that 'GET /metrics: what Prometheus reads' has_line '^# TYPE aegis_[a-z_]+ counter'
get /nowhere >out
check_that 'GET of what is not there: 404' has_line '^HTTP/1.1 404'
exchange 'GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n' >out
check_that 'a page of another name: 421' has_line '^HTTP/1.1 421'
exchange 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n' >out
check_that 'a huge body: 413 before it is sent' has_line '^HTTP/1.1 413'
exchange "GET /$(head -c 3000 much) HTTP/1.1\r\nHost: localhost\r\n\r\n" >out
check_that 'a long target: 414' has_line '^HTTP/1.1 414'
rpc 7 aegis_nodeStatus '[]' >out
check_that 'JSON-RPC: the id comes back' has_line '"id": ?7'
rpc 1 aegis_frob '[]' >out
check_that 'JSON-RPC: no such method' has_line '"code": ?-32601'
rpc 1 aegis_getBatch '["one"]' >out
check_that 'JSON-RPC: wrong parameters name the field' has_line '-32602.*"field": ?"number"'
rpc 1 eth_sendRawTransaction '["0x02"]' >out
check_that 'JSON-RPC: transactions in the clear are refused' has_line RPC_SEALED
rpc 1 aegis_setOrderMode '["hybrid"]' >out
check_that 'JSON-RPC: an operator method without the token' has_line RPC_AUTH
rpc 1 aegis_sendEnvelope '["0x00"]' >out
check_that 'JSON-RPC: garbage for an envelope' has_line '"class": ?"(input|unsupported)"'

# Events to whoever can read lines.
exec 4<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /events?topics=pool,batch,receipt HTTP/1.1\r\nHost: localhost\r\n\r\n' >&4
sleep 0.1
"$aegis" tx send "${node[@]}" --key bob --to "$to" --nonce 1 --wait --quiet >sent 2>err
timeout 1 cat <&4 >out
exec 4>&-
for kind in pool batch receipt; do
    check_that "GET /events: $kind" has_line "^event: $kind"
done
check 'aegis events --count' 0 '^batch +\{' - bash -c '"$0" events --count 1 --topics batch "$@" & sleep 0.2; "$0" tx send --key bob --to '"$to"' --nonce 2 "$@" >/dev/null; wait $!' "$aegis" "${node[@]}"

# Nothing of the environment is opened: a FIFO would hold up whoever reads it.
mkfifo fifo
printf 'openssl_conf = x\n[x]\nproviders = p\n[p]\nevil = e\n[e]\nmodule = %s/evil.so\nactivate = 1\n' "$dir" >openssl.cnf
for program in "$aegis version" "$aegis keys new env.key --force" "$aegisd --version" "$aegisd --config a/aegis.conf --print-policy"; do
    # shellcheck disable=SC2086  # words
    check "OPENSSL_CONF is not opened: ${program#"$builddir/app/"}" 0 . - env OPENSSL_CONF="$dir/fifo" OPENSSL_MODULES="$dir" timeout 10 $program
    # shellcheck disable=SC2086
    check "... nor obeyed, nor OPENSSL_ia32cap" 0 . - env OPENSSL_CONF="$dir/openssl.cnf" OPENSSL_ia32cap=0:0 SSL_CERT_FILE=fifo POSIXLY_CORRECT=1 timeout 10 $program
done

# SIGTERM drains: what was accepted is in a batch, or is taken up at the next start.
ids=()
for i in 3 4 5 6; do
    "$aegis" tx send "${node[@]}" --key bob --to "$to" --nonce $i >out 2>err
    ids+=("$(value envelopeId)")
done
stop_node TERM
check_that 'SIGTERM: ends well' test "$status" = 0
check_that 'SIGTERM: says that it drains' grep -q node.draining a.log
start_node a
all_committed() {
    local id _
    for id in "$@"; do
        for _ in $(seq 100); do
            "$aegis" tx status "$id" "${node[@]}" >out 2>err
            grep -q '^state  *committed' out && grep -q 'status  *included' out && continue 2
            sleep 0.1
        done
        echo "$id is not in a batch" >err
        return 1
    done
}
check_that 'SIGTERM: all four that were accepted are in batches' all_committed "${ids[@]}"
stop_node INT
check_that 'SIGINT: the same' test "$status" = 0
