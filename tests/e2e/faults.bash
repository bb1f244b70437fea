# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# A host that kills, copies, swaps and rolls back.

# No batch is due for an hour, so what is accepted waits when the node is killed.
interval=3600000
start_node a --batch_min_tx=1000
interval=50
ids=()
for i in 7 8 9; do
    "$aegis" tx send "${node[@]}" --key bob --to "$to" --nonce $i >out 2>err
    ids+=("$(value envelopeId)")
done
"$aegis" tx send "${node[@]}" --key bob --to "$to" --nonce 90 >out 2>err
gap=$(value envelopeId)
check 'before the kill they wait' 0 '^poolCount +4' - "$aegis" status "${node[@]}"
"$aegis" receipt get "${ids[0]}" "${node[@]}" --out promise
stop_node KILL 2>/dev/null
check_that 'kill -9' test "$status" = 137
start_node a
check_that 'after it all that was accepted is in batches' all_committed "${ids[@]}"
check 'and what left a gap is excluded, with a reason' 0 'outcome.reasonText +an earlier nonce' - "$aegis" tx status "$gap" "${node[@]}"
check 'batch show gives the reason' 0 'excluded: an earlier nonce' - "$aegis" batch show "${node[@]}"
"$aegis" receipt get "$gap" "${node[@]}" --out exclusion
check 'receipt verify: exclusion' 0 '^verified: exclusion.*excluded: an earlier nonce' - "$aegis" receipt verify exclusion "${node[@]}"
check_receipt exclusion exclusion
check 'the promise of before still holds' 0 '^verified: admission' - "$aegis" receipt verify promise "${node[@]}"

# Keys rotate while the node runs, and what is sealed to the new ones is carried as before.
check 'keys rotate: denied without the token' 4 - 'operator' "$aegis" keys rotate --node "http://127.0.0.1:$port" --dir none
check 'keys rotate' 0 '^rotating +yes' - "$aegis" keys rotate "${node[@]}"
sleep 1
check 'keys new, for after the rotation' 0 '^0x' - "$aegis" keys new rotated
check 'keys rotate: the next epoch' 0 '^keyEpoch +2' - "$aegis" status "${node[@]}"
check 'keys rotate: sealed to the new keys' 0 '^outcome +included' - "$aegis" tx send "${node[@]}" --key rotated --to "$to" --wait --quiet
check 'keys rotate: the batch is of the new epoch' 0 '^keyEpoch +2' - "$aegis" batch show "${node[@]}"

check 'and is a replay now' 3 - REPLAY "$aegis" tx send "${node[@]}" --key bob --to "$to" --nonce 9
stop_node

interval=2000
start_node a
interval=50
"$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 20 >out 2>err
check 'tx send --wait: excluded, which is exit status 1' 1 '^outcome +excluded: .*ENVELOPE_NONCE' '*' "$aegis" tx send "${node[@]}" --key alice --to "$to" --nonce 22 --wait --quiet
stop_node

cp -a a/data data.old
start_node a
check 'the store moves on' 0 '^outcome +included' - "$aegis" tx send "${node[@]}" --key bob --to "$to" --nonce 10 --wait --quiet
stop_node
mv a/data data.new
cp -a data.old a/data
check 'a store that was put back is refused' 7 - 'SEAL_ROLLBACK' "$aegis" run --dir a
rm -rf a/data
cp -a data.new a/data
check 'one of other hardware is refused' 7 - 'SEAL_MACHINE' "$aegis" run --dir a -- --sim_dir "$dir/b/sim-hardware"
mkdir changed && cp "$aegisd" "$aegis" changed/ && printf '\0' >>changed/aegisd
check 'another program, by one byte, is refused' 7 - 'SEAL_MEASUREMENT' changed/aegis run --dir a
dd if=/dev/urandom of=a/data/store/data.mdb bs=4096 count=4 conv=notrunc status=none
check 'a store of garbage is refused' '6|7|8' - 'aegisd: refusing' "$aegis" run --dir a
rm -rf a/data && cp -a data.new a/data
echo 'no token' >a/data/operator.token
check 'a token that is none is refused' 3 - 'operator.token' "$aegis" run --dir a
cp data.new/operator.token a/data/ && chmod 0644 a/data/operator.token
check 'a token that others may read is refused' 3 - '0600' "$aegis" run --dir a
chmod 0600 a/data/operator.token
check 'another chain id than the store has' 3 - 'chain_id: wanted 16584, got 5' "$aegis" run --dir a -- --chain_id 5
start_node a
check 'the newest store, untouched, runs' 0 '^outcome +included' - "$aegis" tx send "${node[@]}" --key bob --to "$to" --nonce 11 --wait --quiet
