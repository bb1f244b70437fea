// SPDX-License-Identifier: Apache-2.0
// The formats of docs/spec/wire.md, written a second time from that page alone.
import { sha256, sha384 } from '@noble/hashes/sha2.js'

export const hex = (bytes) => Buffer.from(bytes).toString('hex')
export const unhex = (text) => Uint8Array.from(Buffer.from(text.replace(/^0x/, ''), 'hex'))
export const ascii = (text) => new TextEncoder().encode(text)
export const concat = (...parts) => Uint8Array.from(Buffer.concat(parts))

export const u8 = (value) => Uint8Array.of(value)
const big = (size) => (value) => {
  const out = new Uint8Array(size)
  let rest = BigInt(value)
  for (let i = size - 1; i >= 0; i--, rest >>= 8n) out[i] = Number(rest & 0xffn)
  if (rest !== 0n) throw new Error(`${value} does not fit ${size} bytes`)
  return out
}
export const u16 = big(2)
export const u32 = big(4)
export const u64 = big(8)

// H(label, m), and its first 32 bytes.
export const H = (label, ...parts) =>
  sha384(concat(u8(label.length), ascii(label), ...parts))
export const I = (label, ...parts) => H(label, ...parts).slice(0, 32)

export class Reader {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }
  take(size) {
    if (this.at + size > this.bytes.length) throw new Error('cut short')
    this.at += size
    return this.bytes.slice(this.at - size, this.at)
  }
  number(size) {
    let value = 0n
    for (const byte of this.take(size)) value = (value << 8n) | BigInt(byte)
    return value
  }
  u8() {
    return Number(this.number(1))
  }
  u16() {
    return Number(this.number(2))
  }
  u32() {
    return Number(this.number(4))
  }
  u64() {
    return this.number(8)
  }
  bytes8() {
    return this.take(this.u8())
  }
  bytes16() {
    return this.take(this.u16())
  }
  bytes32() {
    return this.take(this.u32())
  }
  magic(name) {
    if (hex(this.take(4)) !== hex(ascii(name)) || this.u16() !== 1) {
      throw new Error(`not ${name} of version 1`)
    }
  }
  end() {
    if (this.at !== this.bytes.length) throw new Error('bytes are left')
  }
  get rest() {
    return this.bytes.slice(this.at)
  }
}

const KEM_SIZES = { 0x0042: 1568, 0x0051: 1665 }

export function readBundle(bytes) {
  const r = new Reader(bytes)
  r.magic('AGKB')
  const bundle = {
    chainId: r.u64(),
    genesis: r.take(48),
    keyEpoch: r.u64(),
    createdMs: r.u64(),
    previous: r.take(48),
    kems: new Map(),
  }
  for (let i = r.u8(); i > 0; i--) {
    const kem = r.u16()
    bundle.kems.set(kem, r.take(KEM_SIZES[kem]))
  }
  bundle.mldsa87 = r.take(2592)
  bundle.slhdsa = r.take(64)
  bundle.postingKey = r.take(33)
  r.end()
  bundle.digest = H('aegis/v1/bundle', bytes)
  return bundle
}

export function readEvidence(bytes) {
  const r = new Reader(bytes)
  r.magic('AGEE')
  const evidence = { kind: r.u8(), quote: r.bytes32() }
  r.end()
  return evidence
}

// A TDX quote of version 4: header of 48 bytes, TD report; report data at 520 of the report.
export const reportDataOf = (quote) => quote.slice(48 + 520, 48 + 584)

export function readHeader(bytes) {
  const r = new Reader(bytes)
  r.magic('AGBH')
  const header = {
    chainId: r.u64(),
    number: r.u64(),
    parent: r.take(48),
    timeMs: r.u64(),
    keyEpoch: r.u64(),
    bundleDigest: r.take(48),
    orderMode: r.u8(),
    firstAdmission: r.u64(),
    admissionCount: r.u32(),
    lastGroup: r.u64(),
    lastGroupDigest: r.take(48),
    txCount: r.u32(),
    transactionRoot: r.take(32),
    receiptRoot: r.take(32),
    stateRoot: r.take(32),
    assetRoot: r.take(32),
    risk: r.take(26),
    checkpoint: r.take(48),
  }
  r.end()
  header.digest = H('aegis/v1/batch-header', bytes)
  return header
}

export function readOutcome(r) {
  const start = r.at
  if (r.u16() !== 1) throw new Error('not an outcome of version 1')
  const outcome = {
    admission: r.u64(),
    envelopeId: r.take(32),
    headId: r.take(32),
    status: r.u8(),
    reason: r.u32(),
    txIndex: r.u32(),
    txHash: r.take(32),
  }
  outcome.bytes = r.bytes.slice(start, r.at)
  return outcome
}

export function readProof(r) {
  const proof = { index: r.u64(), size: r.u64(), nodes: [] }
  for (let i = r.u8(); i > 0; i--) proof.nodes.push(r.take(32))
  return proof
}

export function readOutcomeReceipt(bytes) {
  const r = new Reader(bytes)
  r.magic('AGOR')
  const receipt = { outcome: readOutcome(r), proof: readProof(r) }
  receipt.header = r.take(409)
  receipt.mldsa87 = r.take(4627)
  receipt.slhdsa = r.take(29792)
  r.end()
  return receipt
}

export function readAdmissionReceipt(bytes) {
  const r = new Reader(bytes)
  r.magic('AGAR')
  const receipt = { group: r.take(178), leaf: r.take(48) }
  receipt.proof = readProof(r)
  receipt.signature = r.take(4627)
  r.end()
  const g = new Reader(receipt.group)
  g.magic('AGAG')
  receipt.fields = {
    chainId: g.u64(),
    keyEpoch: g.u64(),
    bundleDigest: g.take(48),
    number: g.u64(),
    previous: g.take(48),
    timeMs: g.u64(),
    firstAdmission: g.u64(),
    count: g.u32(),
    root: g.take(32),
  }
  g.end()
  const l = new Reader(receipt.leaf)
  receipt.admission = l.u64()
  receipt.envelopeId = l.take(32)
  receipt.deadlineMs = l.u64()
  return receipt
}

export function readBatchFile(bytes) {
  const r = new Reader(bytes)
  r.magic('AGBF')
  const file = {
    header: r.take(409),
    mldsa87: r.take(4627),
    slhdsa: r.take(29792),
    bundle: r.bytes32(),
    bundleEvidence: r.bytes32(),
    batchEvidence: r.bytes32(),
    collateral: r.bytes32(),
    judgedMs: r.u64(),
    entries: [],
  }
  for (let i = r.u32(); i > 0; i--) {
    file.entries.push({ outcome: readOutcome(r), head: r.bytes16(), payload: r.bytes32() })
  }
  r.end()
  return file
}

// ---- RFC 9162 ---------------------------------------------------------------------------------

export const leafHash = (bytes) => sha256(concat(u8(0), bytes))
const nodeHash = (left, right) => sha256(concat(u8(1), left, right))

export function merkleRoot(leaves) {
  if (leaves.length === 0) return sha256(new Uint8Array())
  if (leaves.length === 1) return leaves[0]
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return nodeHash(merkleRoot(leaves.slice(0, split)), merkleRoot(leaves.slice(split)))
}

// RFC 9162, 2.1.3.2.
export function rootFromProof(leaf, proof) {
  let fn = proof.index
  let sn = proof.size - 1n
  if (fn > sn) throw new Error('the index is outside the tree')
  let hash = leaf
  for (const node of proof.nodes) {
    if (sn === 0n) throw new Error('the proof is too long')
    if ((fn & 1n) === 1n || fn === sn) {
      hash = nodeHash(node, hash)
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n
        sn >>= 1n
      }
    } else {
      hash = nodeHash(hash, node)
    }
    fn >>= 1n
    sn >>= 1n
  }
  if (sn !== 0n) throw new Error('the proof is too short')
  return hash
}

// ---- head, body, envelope: what a wallet writes -----------------------------------------------------

const pad = (bytes, classes) => {
  const index = classes.findIndex((size) => size >= bytes.length)
  if (index < 0) throw new Error('over the largest class')
  const out = new Uint8Array(classes[index])
  out.set(bytes)
  return { index, bytes: out }
}
export const padHead = (bytes) => pad(bytes, [256, 768])
export const padBody = (bytes) => pad(bytes, [512, 2048, 8192, 32768, 131072])

export const writeBody = (salt, payload) =>
  concat(u16(1), salt, u8(1), u32(payload.length), payload, u8(0), u16(0))

export const writeHead = (head) =>
  concat(
    u16(1),
    u64(head.chainId),
    u64(head.keyEpoch),
    u8(1),
    head.sender,
    new Uint8Array(12),
    u64(head.nonce),
    u64(head.priorityFee),
    u64(head.expiresMs),
    u64(head.gasLimit),
    u8(0),
    u16(0),
    u8(1),
    new Uint8Array(32),
    u8(0),
    u8(0),
    head.bodyId,
  )

export const hpkeInfo = (bundle) =>
  concat(
    ascii('aegis/v1/envelope'),
    u8(0),
    u16(1),
    u64(bundle.chainId),
    u64(bundle.keyEpoch),
    bundle.digest,
  )
