// SPDX-License-Identifier: Apache-2.0
// Does a wallet and a verifier that share no line with the node agree with it?
//
//   node --test interop.test.mjs        AEGIS_BIN: the folder with aegis and aegisd
import './webcrypto.mjs'
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'

import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js'
import { slh_dsa_sha2_256s } from '@noble/post-quantum/slh-dsa.js'
import { keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import { identify, Node, seal } from './wallet.mjs'
import * as wire from './wire.mjs'

const bin = process.env.AEGIS_BIN
const chainId = 16584
const dir = mkdtempSync(path.join(tmpdir(), 'aegis-interop-'))
let daemon
let node
let identity

const aegis = (...args) => spawnSync(path.join(bin, 'aegis'), args, { encoding: 'utf8' })
const verifyMldsa = (key, message, signature, context) =>
  ml_dsa87.verify(signature, message, key, { context: wire.ascii(context) })
const verifySlhdsa = (key, message, signature, context) =>
  slh_dsa_sha2_256s.verify(signature, message, key, { context: wire.ascii(context) })
const account = (n) => privateKeyToAccount(`0x${String(n).padStart(64, '1')}`)

before(async () => {
  const made = aegis('init', '--insecure-sim', '--dir', dir, '--listen', '127.0.0.1:0', '--suites', '0x0042,0x0051')
  assert.equal(made.status, 0, made.stderr)
  daemon = spawn(path.join(bin, 'aegisd'), ['--config', path.join(dir, 'aegis.conf'), '--batch_interval_ms', '1500'])
  const port = await new Promise((resolve, reject) => {
    let log = ''
    daemon.stderr.on('data', (chunk) => {
      log += chunk
      const found = /node\.listening .*port=(\d+)/.exec(log)
      if (found) resolve(found[1])
    })
    daemon.on('exit', (code) => reject(new Error(`aegisd ended with ${code}: ${log}`)))
  })
  node = new Node(`http://127.0.0.1:${port}`)
})

after(() => {
  daemon?.kill('SIGKILL')
  rmSync(dir, { recursive: true, force: true })
})

const to = '0x00000000000000000000000000000000000a1ce5'
const accessList = [{ address: to, storageKeys: [`0x${'01'.repeat(32)}`] }]
const fees = { maxFeePerGas: 9000n, maxPriorityFeePerGas: 700n }
const TRANSACTIONS = [
  { name: 'legacy', fee: 800n, tx: { type: 'legacy', gasPrice: 800n, gas: 21000n } },
  { name: '2930', fee: 900n, tx: { type: 'eip2930', gasPrice: 900n, gas: 40000n, accessList } },
  { name: '1559', fee: 700n, tx: { type: 'eip1559', ...fees, gas: 30000n, data: '0xabcdef' } },
  {
    name: '4844',
    fee: 700n,
    tx: {
      type: 'eip4844', ...fees, gas: 30000n, maxFeePerBlobGas: 5n,
      blobVersionedHashes: [`0x01${'22'.repeat(31)}`],
    },
  },
  { name: '7702', fee: 700n, tx: { type: 'eip7702', ...fees, gas: 80000n }, authorize: true },
]
const sent = []

test('the wallet finds the bundle in the evidence', async () => {
  identity = await identify(node)
  assert.equal(identity.bundle.chainId, BigInt(chainId))
  assert.equal(identity.evidence.kind, 7)
  assert.deepEqual([...identity.bundle.kems.keys()], [0x42, 0x51])
})

test('envelopes sealed by hpke and @panva/hpke-noble are admitted, and the receipts hold', async () => {
  let n = 0
  for (const row of TRANSACTIONS) {
    for (const kem of [0x0042, 0x0051]) {
      const sender = account(++n)
      const tx = { chainId, nonce: 3, to, value: 5n, ...row.tx }
      if (row.authorize) {
        tx.authorizationList = [
          await account(999).signAuthorization({ contractAddress: to, chainId, nonce: 0 }),
        ]
      }
      const raw = wire.unhex(await sender.signTransaction(tx))
      const head = {
        sender: wire.unhex(sender.address), nonce: 3, priorityFee: row.fee, gasLimit: row.tx.gas,
      }
      const { envelope, id } = await seal(identity.bundle, kem, head, raw)
      const answer = await node.call('aegis_sendEnvelope', '0x' + wire.hex(envelope))
      assert.equal(answer.envelopeId, '0x' + wire.hex(id))
      checkAdmission(wire.unhex(answer.receipt), id)
      sent.push({ name: `${row.name} over 0x00${kem.toString(16)}`, id, raw })
    }
  }
})

function checkAdmission(bytes, id) {
  const receipt = wire.readAdmissionReceipt(bytes)
  assert.equal(wire.hex(receipt.envelopeId), wire.hex(id))
  assert.equal(wire.hex(receipt.fields.bundleDigest), wire.hex(identity.bundle.digest))
  assert.equal(
    wire.hex(wire.rootFromProof(wire.leafHash(receipt.leaf), receipt.proof)),
    wire.hex(receipt.fields.root),
  )
  const digest = wire.H('aegis/v1/admission-group', receipt.group)
  const context = 'aegis/v1/admission-group/ml-dsa-87'
  assert.ok(verifyMldsa(identity.bundle.mldsa87, digest, receipt.signature, context))
  assert.ok(!verifyMldsa(identity.bundle.mldsa87, digest, receipt.signature, 'aegis/v1/batch/ml-dsa-87'))
}

async function waitFor(id) {
  for (let i = 0; i < 300; i++) {
    const status = await node.call('aegis_getStatus', '0x' + wire.hex(id))
    if (status.state === 'committed') return status
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error('no batch within a minute')
}

const batches = new Map()

test('every transaction is included, proved by an inclusion receipt', async () => {
  assert.equal(sent.length, 10)
  for (const { name, id, raw } of sent) {
    const status = await waitFor(id)
    assert.equal(status.outcome.status, 'included', `${name}: ${JSON.stringify(status.outcome)}`)
    const answer = await node.call('aegis_getOutcomeReceipt', '0x' + wire.hex(id))
    const receipt = wire.readOutcomeReceipt(wire.unhex(answer.receipt))
    const header = wire.readHeader(receipt.header)
    batches.set(Number(header.number), header)
    assert.equal(receipt.outcome.status, 1)
    assert.equal(wire.hex(receipt.outcome.envelopeId), wire.hex(id))
    assert.equal('0x' + wire.hex(receipt.outcome.txHash), keccak256(raw))
    assert.equal(
      wire.hex(wire.rootFromProof(wire.leafHash(receipt.outcome.bytes), receipt.proof)),
      wire.hex(header.receiptRoot),
    )
  }
})

test('a batch file: both signatures, both roots, the evidence over the header', async () => {
  for (const number of batches.keys()) {
    const answer = await fetch(`${node.url}/v1/batches/${number}`)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const file = wire.readBatchFile(bytes)
    const header = wire.readHeader(file.header)
    const bundle = wire.readBundle(file.bundle)
    assert.equal(wire.hex(header.digest), wire.hex(batches.get(number).digest))
    assert.equal(wire.hex(header.bundleDigest), wire.hex(bundle.digest))
    assert.equal(wire.hex(bundle.digest), wire.hex(identity.bundle.digest))

    assert.ok(verifyMldsa(bundle.mldsa87, header.digest, file.mldsa87, 'aegis/v1/batch/ml-dsa-87'))
    assert.ok(verifySlhdsa(bundle.slhdsa, header.digest, file.slhdsa, 'aegis/v1/batch/slh-dsa-sha2-256s'))
    const bent = header.digest.slice()
    bent[0] ^= 1
    assert.ok(!verifyMldsa(bundle.mldsa87, bent, file.mldsa87, 'aegis/v1/batch/ml-dsa-87'))
    assert.ok(!verifySlhdsa(bundle.slhdsa, bent, file.slhdsa, 'aegis/v1/batch/slh-dsa-sha2-256s'))

    const outcomes = file.entries.map((entry) => wire.leafHash(entry.outcome.bytes))
    const transactions = file.entries
      .filter((entry) => entry.outcome.status === 1)
      .map((entry) => wire.leafHash(entry.payload))
    assert.equal(wire.hex(wire.merkleRoot(outcomes)), wire.hex(header.receiptRoot))
    assert.equal(wire.hex(wire.merkleRoot(transactions)), wire.hex(header.transactionRoot))
    assert.equal(transactions.length, header.txCount)
    assert.equal(file.entries.length, header.admissionCount)

    const wanted = wire.concat(wire.H('aegis/v1/evidence/batch', header.digest), new Uint8Array(16))
    const evidence = wire.readEvidence(file.batchEvidence)
    assert.equal(wire.hex(wire.reportDataOf(evidence.quote)), wire.hex(wanted))
  }
})

test('the tool judges the same file, and refuses it when one byte is bent', () => {
  const number = [...batches.keys()][0]
  const port = new URL(node.url).port
  const out = path.join(dir, 'batch')
  assert.equal(aegis('batch', 'export', String(number), '--out', out, '--node', `http://127.0.0.1:${port}`).status, 0)
  const judged = aegis('batch', 'verify', out, '--dir', dir, '--json')
  assert.equal(judged.status, 0, judged.stderr)
  const verdict = JSON.parse(judged.stdout)
  assert.equal(verdict.accepted, true)
  assert.ok(verdict.claims.every((claim) => claim.result !== 'failed' && claim.reason))

  const bytes = readFileSync(out)
  bytes[700] ^= 1 // in the ML-DSA signature
  writeFileSync(out, bytes)
  const refused = aegis('batch', 'verify', out, '--dir', dir, '--json')
  assert.equal(refused.status, 1)
  assert.equal(JSON.parse(refused.stdout).accepted, false)
})

test('what a wallet gets wrong is refused by name', async () => {
  const sender = account(77)
  const raw = wire.unhex(await sender.signTransaction({ chainId, nonce: 0, to, type: 'eip1559', ...fees, gas: 21000n }))
  const head = { sender: wire.unhex(sender.address), nonce: 0, priorityFee: 700n, gasLimit: 21000n }
  const refusedAs = async (change, name) => {
    const { envelope } = await seal(identity.bundle, 0x0042, { ...head, ...change.head }, raw)
    const bytes = change.bytes ? change.bytes(envelope) : envelope
    await assert.rejects(node.call('aegis_sendEnvelope', '0x' + wire.hex(bytes)), (error) => {
      assert.equal(error.data.error, name, error.message)
      return true
    })
  }
  await refusedAs({ head: { chainId: 1 } }, 'ENVELOPE_MISMATCH')
  await refusedAs({ head: { keyEpoch: 9 } }, 'ENVELOPE_MISMATCH')
  await refusedAs({ head: { expiresMs: 1 } }, 'ENVELOPE_EXPIRED')
  await refusedAs({ head: { expiresMs: Date.now() + 86400000 } }, 'ENVELOPE_FUTURE')
  await refusedAs({ bytes: (b) => b.slice(0, -1) }, 'WIRE_SHORT')
  await refusedAs({ bytes: (b) => wire.concat(b, wire.u8(0)) }, 'WIRE_TRAILING')
  await refusedAs({ bytes: (b) => (b[40] ^= 1) && b }, 'OPEN')
  const { envelope } = await seal(identity.bundle, 0x0042, head, raw)
  await node.call('aegis_sendEnvelope', '0x' + wire.hex(envelope))
  await refusedAs({}, 'ENVELOPE_REPLAY')
})
