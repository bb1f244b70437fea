# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# Wrong usage of every command, and wrong words in every option.

commands=()
while read -r line; do
    commands+=("$line")
done < <("$aegis" --help | sed -n 's/^  \([a-z]\+\( [a-z]\+\)\{0,1\}\)  .*/\1/p')
check_that 'the overview names the commands' test "${#commands[@]}" -ge 20

one_document() { "$json_get" error.class error.message <err >/dev/null 2>&1; }
for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    check "$command --help" 0 "usage: aegis $command" - "$aegis" "${words[@]}" --help
    check "$command --nonsense" 2 - 'no option "--nonsense"' "$aegis" "${words[@]}" --nonsense
    check "$command --nonsense --json" 2 - '"USAGE"' "$aegis" "${words[@]}" --nonsense --json
    check_that '... is one document' one_document
    [[ $command == run ]] || # its arguments are the daemon's
        check "$command with two arguments too many" 2 - "usage: aegis $command" "$aegis" "${words[@]}" x y z
done
for command in 'keys new' 'tx make' 'tx seal' 'tx send' 'tx status' 'receipt get' 'receipt verify' \
    'batch export' 'batch verify' 'evidence verify' completion; do
    read -ra words <<<"$command"
    check "$command without its argument" 2 - "usage: aegis $command" "$aegis" "${words[@]}" --dir a
done

# No node is asked before the words are right: none runs at this address.
nobody=(--dir a --node http://127.0.0.1:1)
send=("$aegis" tx send "${nobody[@]}" --key alice)
while IFS='|' read -r name status err arguments; do
    eval "check \"\$name\" $status - \"\$err\" \"\${send[@]}\" $arguments"
done <<'TABLE'
tx send: no recipient|2|--to ADDRESS|
tx send: a short recipient|2|20 bytes|--to 0x1234
tx send: a recipient that is not hex|2|20 bytes|--to 0xzz000000000000000000000000000000000a1ce5
tx send: two recipients|2|--to is given twice|--to "$to" --to "$to"
tx send: an empty recipient|2|--to is empty|--to ''
tx send: no value behind an option|2|needs a value|--to
tx send: a flag of another command|2|takes no --parent|--to "$to" --parent 00
tx send: value that is no number|2|--value "lots"|--to "$to" --value lots
tx send: negative value|2|--value "-1"|--to "$to" --value -1
tx send: value of 2^64|2|--value "18446744073709551616"|--to "$to" --value 18446744073709551616
tx send: fractional fee|2|--priority-fee|--to "$to" --priority-fee 1.5
tx send: a nonce with a space|2|--nonce|--to "$to" --nonce ' 1'
tx send: the largest nonce there is not|2|--nonce|--to "$to" --nonce 18446744073709551615
tx send: gas in hex without digits|2|--gas "0x"|--to "$to" --gas 0x
tx send: risk over 10000|2|--risk "10001"|--to "$to" --risk 10001
tx send: expiry over a day|2|--expires-in|--to "$to" --expires-in 86401
tx send: KEM over 16 bits|2|--suite|--to "$to" --suite 65536
tx send: a short asset|2|--asset|--to "$to" --asset 0x12
tx send: an asset twice|2|--asset|--to "$to" --asset $zeros,$zeros
tx send: an asset and a comma|2|--asset|--to "$to" --asset $zeros,
tx send: odd hex data|3|--data|--to "$to" --data 0x123
tx send: timeout 0|2|--timeout 0|--to "$to" --timeout 0
tx send: a transaction and options|2|not both|0x02 --to "$to"
tx send: two transactions|2|one transaction|0x02 0x03
TABLE
check 'tx send: not hex' 3 - 'in hex' "$aegis" tx send "${nobody[@]}" nothex
check "tx send: an empty transaction" 2 - "empty" "$aegis" tx send "${nobody[@]}" ""
check 'tx send: a long argument that is not hex' 3 - 'in hex' "$aegis" tx send "${nobody[@]}" "${long}x"
check 'tx send: nothing on standard input' 3 - 'empty' "$aegis" tx send "${nobody[@]}" -
head -c 400000 /dev/zero | tr '\0' 'a' >much
stdin=much
check 'tx send: too much on standard input' 3 - 'limit 393000' "$aegis" tx send "${nobody[@]}" -
printf '0x02\0ff' >nul
stdin=nul
check 'tx send: a NUL on standard input' 3 - 'in hex' "$aegis" tx send "${nobody[@]}" -

# Files: each option and argument that names one.
: >empty
truncate -s 300M large
printf 'abc\0def' >nuls
files=('none|3|No such file' 'lonely|6|directory' 'empty|3|empty' 'large|3|limit' 'nuls|[38]|.')
if [[ $(id -u) != 0 ]]; then
    : >unreadable && chmod 0 unreadable
    files+=('unreadable|6|Permission denied')
else
    skip 'an unreadable file: root reads everything'
fi
for row in "${files[@]}"; do
    IFS='|' read -r file status err <<<"$row"
    check "tx send --key: $file" "$status" - "$err" "$aegis" tx send "${nobody[@]}" --key "$file" --to "$to"
    check "batch verify --policy: $file" "$status" - "$err" "$aegis" batch verify nuls --policy "$file"
    check "receipt verify --bundle: $file" "$status" - "$err" "$aegis" receipt verify nuls --bundle "$file"
    [[ $file == nuls ]] || {
        check "batch verify: $file" "$status" - "$err" "$aegis" batch verify "$file" --dir a
        check "evidence verify: $file" "$status" - "$err" "$aegis" evidence verify "$file" --dir a
        check "receipt verify: $file" "$status" - "$err" "$aegis" receipt verify "$file" --dir a
    }
done
check 'batch verify: no policy anywhere' 3 - 'aegis init' "$aegis" batch verify nuls --dir none
check 'batch verify: what is no batch is refused' 1 '^refused: batch 0' - "$aegis" batch verify nuls --dir a
printf 'accept_tee = tdx\ncolour = blue\n' >bad.policy
check 'batch verify: a policy with an unknown key names the line' 3 - 'bad.policy:2: .*unknown key' "$aegis" batch verify nuls --policy bad.policy
check 'batch verify: --parent of the wrong size' 2 - '48 bytes' "$aegis" batch verify nuls --dir a --parent 00
check 'batch verify: --threads over the limit' 2 - '--threads' "$aegis" batch verify nuls --dir a --threads 65
check 'batch list: --count over the limit' 2 - '--count' "$aegis" batch list --count 257
check 'batch show: not a number' 2 - 'batch number' "$aegis" batch show 0x10
check 'batch export: a number over 64 bits' 2 - 'batch number' "$aegis" batch export 99999999999999999999
check 'tx status: a long id' 2 - '32 bytes' "$aegis" tx status "$long"
check 'events: topics that are no words' 2 - '--topics' "$aegis" events --topics 'pool&x=1'
check 'order: unknown mode' 2 - 'hybrid' "$aegis" order fastest

# The way to the node.
check 'status: nobody there' 6 - 'aegis run' "$aegis" status "${nobody[@]}"
check_that '... and with --json one document on standard error' eval '! "$aegis" status "${nobody[@]}" --json 2>err >out && one_document && [[ ! -s out ]]'
check 'status: a name that does not resolve' 6 - '--node' "$aegis" status --node http://nobody.invalid
check 'status: not a URL' 3 - 'http://HOST' "$aegis" status --node frob
check 'status: a long URL' 3 - 'http://HOST' "$aegis" status --node "http://$long"
check 'status: https' 3 - 'no TLS' "$aegis" status --node https://localhost
check 'status: a socket file that is not there' 6 - 'aegis run' "$aegis" status --node "http://unix:$dir/none"
