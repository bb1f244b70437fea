// SPDX-License-Identifier: Apache-2.0
// Node.js 18 has Web Crypto, but not under its global name; the packages look for it there. Imported
// before them, since imports run before any statement.
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto
