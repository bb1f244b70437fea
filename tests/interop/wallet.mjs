// SPDX-License-Identifier: Apache-2.0
// A wallet: believes a node's keys only as far as its evidence carries them, and seals to them.
import './webcrypto.mjs'
import { randomBytes } from 'node:crypto'

import * as HPKE from 'hpke'
import { AEAD_AES_256_GCM, KDF_HKDF_SHA384, KEM_MLKEM1024_P384, KEM_ML_KEM_1024 } from '@panva/hpke-noble'
import * as wire from './wire.mjs'

const KEMS = { 0x0042: KEM_ML_KEM_1024, 0x0051: KEM_MLKEM1024_P384 }

export class Node {
  constructor(url) {
    this.url = url
    this.id = 0
  }
  async call(method, ...params) {
    const answer = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++this.id, method, params }),
    })
    const json = await answer.json()
    if (json.error) throw Object.assign(new Error(json.error.message), { data: json.error.data })
    return json.result
  }
}

// Fetches the bundle with evidence over a fresh nonce, and checks that the quote binds exactly it.
// (The chain behind the quote is judged by the C verifier and its vectors; here it is the hash.)
export async function identify(node) {
  const nonce = Uint8Array.from(randomBytes(32))
  const answer = await node.call('aegis_getEvidence', '0x' + wire.hex(nonce))
  const bytes = wire.unhex(answer.bundle)
  const bundle = wire.readBundle(bytes)
  const evidence = wire.readEvidence(wire.unhex(answer.evidence))
  const wanted = wire.concat(
    wire.H('aegis/v1/evidence/nonce', bundle.digest, nonce),
    new Uint8Array(16),
  )
  if (wire.hex(wire.reportDataOf(evidence.quote)) !== wire.hex(wanted)) {
    throw new Error('the evidence does not bind this bundle and nonce')
  }
  return { bundle, bytes, evidence }
}

export async function seal(bundle, kem, head, rawTransaction) {
  const suite = new HPKE.CipherSuite(KEMS[kem], KDF_HKDF_SHA384, AEAD_AES_256_GCM)
  const key = await suite.DeserializePublicKey(bundle.kems.get(kem))
  const { encapsulatedSecret, ctx } = await suite.SetupSender(key, { info: wire.hpkeInfo(bundle) })

  const body = wire.padBody(wire.writeBody(Uint8Array.from(randomBytes(32)), rawTransaction))
  const plain = wire.padHead(
    wire.writeHead({
      chainId: bundle.chainId,
      keyEpoch: bundle.keyEpoch,
      expiresMs: Date.now() + 120000,
      ...head,
      bodyId: wire.I('aegis/v1/body', body.bytes),
    }),
  )
  const clear = wire.concat(
    wire.ascii('AGEV'),
    wire.u16(1),
    wire.u16(kem),
    wire.u16(2),
    wire.u16(2),
    wire.u64(bundle.chainId),
    wire.u64(bundle.keyEpoch),
    wire.u8(plain.index),
    wire.u8(body.index),
    encapsulatedSecret,
  )
  const sealedHead = await ctx.Seal(plain.bytes, clear)
  const sealedBody = await ctx.Seal(body.bytes, sealedHead)
  const whole = wire.concat(clear, sealedHead, sealedBody)
  return { envelope: wire.concat(whole, wire.u64(0)), id: wire.I('aegis/v1/envelope', whole) }
}
