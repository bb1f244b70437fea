# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# init, run, keys new, version, completion, help: what works without a node.

check 'version' 0 '^aegis [0-9.]+, OpenSSL' - "$aegis" version
check '--version is the same' 0 '^aegis [0-9.]+, OpenSSL' - "$aegis" --version
check_json 'version --json' 0 aegis crypto -- "$aegis" version --json
check 'no command: the overview, on standard error' 2 - 'batch verify' "$aegis"
check '--help' 0 'batch verify' - "$aegis" --help
check 'help tx send' 0 'usage: aegis tx send' - "$aegis" help tx send
check 'tx --help lists its commands' 0 'tx seal' - "$aegis" tx --help
check 'tx alone asks which one' 2 - 'tx status' "$aegis" tx
check 'unknown command' 2 - 'no command "frob"' "$aegis" frob
check 'an option before the command' 2 - 'behind the command' "$aegis" --json status
check 'a command of control characters is not printed raw' 2 - '!\\x1b' "$aegis" $'\e[31m'

check 'init without hardware: helpful, nothing left' 6 - 'insecure-sim' "$aegis" init --dir none
check_that '... and no directory' test ! -e none
check 'init: chain id out of range' 2 - 'chain-id' "$aegis" init --insecure-sim --dir none --chain-id 0x8000000000000000
check 'init: chain id of 0 is refused by name' 3 - 'chain_id' "$aegis" init --insecure-sim --dir none --chain-id 0
check 'init: bad suite names the line' 3 - 'aegis.conf.new:5: key_suites' "$aegis" init --insecure-sim --dir none --suites 0x9999
check 'init: bad address is refused' 2 - 'ADDRESS:PORT' "$aegis" init --insecure-sim --dir none --listen $'a\nb'
check_that '... and none of these left a file' test ! -e none
check 'init: a directory that cannot be' 6 - 'Not a directory' "$aegis" init --insecure-sim --dir /dev/null/x
check 'init: an argument' 2 - '--dir' "$aegis" init here
check 'init: an overlong directory' 2 - 'longer than' "$aegis" init --dir "$long"
check 'init' 0 'aegis run' - "$aegis" init --insecure-sim --dir a --listen 127.0.0.1:0 --suites 0x0051,0x0042
check_that '... the configuration is private' test "$(stat -c %a a/aegis.conf)" = 600
check_that '... with an absolute directory' grep -q "^data_dir = \"$dir/a/data\"" a/aegis.conf
check 'init refuses to overwrite' 3 - 'force' "$aegis" init --insecure-sim --dir a
cp a/policy policy.before
check_json 'init --force --json' 0 configuration policy -- "$aegis" init --insecure-sim --dir a --listen 127.0.0.1:0 --suites 0x0051,0x0042 --force --json
check_that '... makes the same policy' cmp -s a/policy policy.before
check 'init --force that fails leaves what was there' 3 - CONFIG "$aegis" init --insecure-sim --dir a --suites 0x9999 --force
check_that '... the same policy' cmp -s a/policy policy.before
check_that '... and nothing half' eval '! compgen -G "a/*.new" >found && ! compgen -G "a/*.tmp" >found'
mkdir 'b "c' && rmdir 'b "c'
check 'init in a directory with a quote and a space' 0 'aegis run' - "$aegis" init --insecure-sim --dir 'b "c' --listen 127.0.0.1:0
check '... which the daemon reads' 0 'data_dir = ".*b .*c/data"' - "$aegisd" --config 'b "c/aegis.conf' --print-config

check 'run without a directory' 3 - 'aegis init' "$aegis" run --dir none
mkdir lonely && cp "$aegis" lonely/
check 'run without aegisd beside' 3 - 'lonely/aegisd.*' lonely/aegis run --dir a
check 'init without aegisd beside' 3 - 'lonely/aegisd.*' lonely/aegis init --dir none --insecure-sim
check_that '... leaves nothing' test ! -e none

check 'keys new' 0 '^0x[0-9a-f]{40}$' - "$aegis" keys new alice
check_that '... is private' test "$(stat -c %a alice)" = 600
check 'keys new refuses to overwrite' 3 - 'force' "$aegis" keys new alice
cp alice alice.before
check_json 'keys new --force --json' 0 address file -- "$aegis" keys new alice --force --json
check_that '... makes another key' test "$(cmp -s alice alice.before; echo $?)" = 1
check 'keys new where nothing can be' 6 - 'No such file' "$aegis" keys new none/key
check 'keys new over a directory' 6 - '.' "$aegis" keys new lonely --force
check 'keys new without a name' 2 - 'one file' "$aegis" keys new ''
"$aegis" keys new bob >/dev/null
"$aegis" keys new carol >/dev/null

check 'tx make' 0 '^0x02[0-9a-f]+$' - "$aegis" tx make --key alice --to "$to" --value 7
check_json 'tx make --json' 0 raw hash sender -- "$aegis" tx make --key alice --to "$to" --json
check_json 'tx make --json --out' 0 file bytes -- "$aegis" tx make --key alice --to "$to" --json --out raw.json
check_that '... writes the document there' "$json_get" raw hash <raw.json >/dev/null

# A completion that bash takes, for the words of the table.
printf '%s\n' 'source comp || exit 1; COMP_WORDS=(aegis "$@"); COMP_CWORD=$#; _aegis; echo " ${COMPREPLY[*]} "' >complete
check 'completion bash' 0 'complete .*aegis' - "$aegis" completion bash
cp out comp
for row in '|status|' 't|tx|' 'batch |verify|' 'keys |new|' 'order |hybrid|' 'keys new --f|--force|' \
    'keys --p|--policy|' 'batch verify f --par|--parent|' 'tx send --wa|--wait|'; do
    IFS='|' read -r words wanted _ <<<"$row"
    last=${words##* } first=${words% *}
    [[ $words == *' '* ]] || first=''
    # shellcheck disable=SC2086  # words
    check "completion: aegis $words<tab> offers $wanted" 0 " $wanted " - bash complete $first "$last"
done
check 'completion: another shell' 2 - 'bash' "$aegis" completion fish

check_json 'bench --json' 0 unit '*' -- "$aegis" bench --json
