import { type ReadOptions, undecodable } from '../message/index.js'
import { constructed, isPythonName, PythonName, PythonObject } from './python-types.js'
import { settlePlain } from './settle-plain.js'

/** The longest integer read, in bytes; Python's own limit for text is 4300 digits. */
const MAX_INTEGER_BYTES = 2048
const MARK = Symbol('mark')

/**
 * Reads a Python pickle, protocol 0 to 5, that holds plain data: None, booleans, numbers, text, bytes, lists, tuples, sets, dictionaries,
 * `datetime`, `date`, `time`, `Decimal` and `UUID`. It builds values and calls nothing: every other class or function named in the bytes
 * is refused. Tuples and sets become arrays; keys become text, as in JSON.
 *
 * Throws a MessageError: LVG_MESSAGE_UNDECODABLE for anything but plain data, cycles, more than 900 levels;
 * LVG_MESSAGE_INTEGER_RANGE as `decodeJson`.
 */
export function decodePickle(bytes: Uint8Array, options: Pick<ReadOptions, 'integers'> = {}): unknown {
  const { buffer, byteOffset, byteLength } = bytes
  return settlePlain(new PickleReader(Buffer.from(buffer, byteOffset, byteLength)).read(), options)
}

/** Pickle's stack machine without the opcodes that call code. */
class PickleReader {
  readonly #bytes: Buffer
  #at = 0
  #stack: unknown[] = []
  readonly #memo = new Map<number, unknown>()

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  read(): unknown {
    for (;;) {
      const opcode = String.fromCharCode(this.#byte())
      if (opcode === '.') return this.#pop()
      this.#step(opcode)
    }
  }

  #step(opcode: string): void {
    const stack = this.#stack
    switch (opcode) {
      case '\x80': // PROTO
        if (this.#byte() > 5) throw undecodable('a pickle of a protocol that is not known')
        return
      case '\x95': // FRAME
        this.#length(8)
        return

      case 'N':
        return this.#push(null)
      case '\x88':
        return this.#push(true)
      case '\x89':
        return this.#push(false)
      case 'I': {
        const text = this.#line()
        return this.#push(text === '00' ? false : text === '01' ? true : this.#decimal(text))
      }
      case 'L':
        return this.#push(this.#decimal(this.#line().replace(/L$/, '')))
      case 'J':
        return this.#push(BigInt(this.#take(4).readInt32LE()))
      case 'K':
        return this.#push(BigInt(this.#byte()))
      case 'M':
        return this.#push(BigInt(this.#take(2).readUInt16LE()))
      case '\x8a': // LONG1
        return this.#push(this.#long(this.#byte()))
      case '\x8b': // LONG4
        return this.#push(this.#long(this.#length(4)))
      case 'F':
        return this.#push(floatOf(this.#line()))
      case 'G':
        return this.#push(this.#take(8).readDoubleBE())

      case 'V':
        return this.#push(fromRawUnicode(this.#line('latin1')))
      case '\x8c': // SHORT_BINUNICODE
        return this.#push(textOf(this.#take(this.#byte())))
      case 'X':
        return this.#push(textOf(this.#take(this.#length(4))))
      case '\x8d': // BINUNICODE8
        return this.#push(textOf(this.#take(this.#length(8))))
      case 'C':
        return this.#push(Buffer.from(this.#take(this.#byte())))
      case 'B':
        return this.#push(Buffer.from(this.#take(this.#length(4))))
      case '\x8e': // BINBYTES8
      case '\x96': // BYTEARRAY8
        return this.#push(Buffer.from(this.#take(this.#length(8))))

      case '(':
        return this.#push(MARK)
      case ']':
      case ')':
      case '\x8f': // EMPTY_SET
        return this.#push([])
      case 'l':
      case 't':
      case '\x91': // FROZENSET
        return this.#push(this.#sinceMark())
      case '\x85':
      case '\x86':
      case '\x87': // TUPLE1 to TUPLE3
        return this.#push(this.#popMany(opcode.charCodeAt(0) - 0x84))
      case 'a': {
        const value = this.#pop()
        this.#list().push(value)
        return
      }
      case 'e':
      case '\x90': {
        // APPENDS, ADDITEMS
        const values = this.#sinceMark()
        const list = this.#list()
        for (const value of values) list.push(value)
        return
      }
      case '}':
        return this.#push({})
      case 'd': {
        const pairs = this.#sinceMark()
        this.#push({})
        return this.#setItems(pairs)
      }
      case 's':
        return this.#setItems(this.#popMany(2))
      case 'u':
        return this.#setItems(this.#sinceMark())

      case 'c': {
        const module = this.#line()
        return this.#push(new PythonName(module, this.#line()))
      }
      case '\x93': {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2)
        if (typeof module !== 'string' || typeof name !== 'string') throw malformed()
        return this.#push(new PythonName(module, name))
      }
      case 'R':
      case '\x81': {
        // REDUCE and NEWOBJ would call code; here they only build one of a few known kinds of values.
        const [callee, args] = this.#popMany(2)
        if (!isPythonName(callee) || !Array.isArray(args)) throw malformed()
        return this.#push(constructed(callee, args))
      }
      case 'b': {
        const state = this.#pop()
        const built = stack.at(-1)
        if (!(built instanceof PythonObject)) throw malformed()
        built.setState(state)
        return
      }

      case '0':
        this.#pop()
        return
      case '1':
        this.#sinceMark()
        return
      case '2':
        return this.#push(this.#top())
      case 'p':
        return this.#remember(Number(this.#line()))
      case 'q':
        return this.#remember(this.#byte())
      case 'r':
        return this.#remember(this.#length(4))
      case '\x94': // MEMOIZE
        return this.#remember(this.#memo.size)
      case 'g':
        return this.#recall(Number(this.#line()))
      case 'h':
        return this.#recall(this.#byte())
      case 'j':
        return this.#recall(this.#length(4))

      default: {
        const code = opcode.charCodeAt(0).toString(16).padStart(2, '0')
        throw undecodable(`a pickle that holds more than plain data (opcode 0x${code})`, { opcode: code })
      }
    }
  }

  #push(value: unknown): void {
    this.#stack.push(value)
  }

  #top(): unknown {
    const value = this.#stack.at(-1)
    if (value === undefined || value === MARK) throw malformed()
    return value
  }

  #pop(): unknown {
    const value = this.#top()
    this.#stack.pop()
    return value
  }

  #popMany(count: number): unknown[] {
    return Array.from({ length: count }, () => this.#pop()).reverse()
  }

  #sinceMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK)
    if (at === -1) throw malformed()
    const values = this.#stack.splice(at)
    values.shift()
    return values
  }

  #list(): unknown[] {
    const list = this.#top()
    if (!Array.isArray(list)) throw malformed()
    return list
  }

  #setItems(pairs: readonly unknown[]): void {
    const target = this.#top()
    if (typeof target !== 'object' || target === null || Object.getPrototypeOf(target) !== Object.prototype)
      throw malformed()
    // A dictionary that this reader built.
    const record = target as Record<string, unknown>
    for (let i = 0; i + 1 < pairs.length; i += 2) record[keyOf(pairs[i])] = pairs[i + 1]
  }

  #remember(index: number): void {
    this.#memo.set(index, this.#top())
  }

  #recall(index: number): void {
    if (!this.#memo.has(index)) throw malformed()
    this.#push(this.#memo.get(index))
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw malformed()
    return byte
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw malformed()
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #length(width: 4 | 8): number {
    const bytes = this.#take(width)
    const length = width === 4 ? bytes.readUInt32LE() : Number(bytes.readBigUInt64LE())
    if (length > this.#bytes.length) throw malformed()
    return length
  }

  #line(encoding: 'utf8' | 'latin1' = 'utf8'): string {
    const end = this.#bytes.indexOf(10, this.#at)
    if (end === -1) throw malformed()
    const text = this.#take(end - this.#at).toString(encoding)
    this.#at++
    return text
  }

  #decimal(text: string): bigint {
    if (!/^-?\d{1,4300}$/.test(text)) throw malformed()
    return BigInt(text)
  }

  #long(length: number): bigint {
    if (length > MAX_INTEGER_BYTES) throw undecodable('an integer that is too long')
    if (length === 0) return 0n
    const hex = Buffer.from(this.#take(length)).reverse().toString('hex')
    return BigInt.asIntN(length * 8, BigInt(`0x${hex}`))
  }
}

const malformed = () => undecodable('not a valid pickle')

/** Keys as Python's own JSON writer turns them into text. */
function keyOf(key: unknown): string {
  if (key === '__proto__') throw undecodable('a field named __proto__ is refused')
  if (typeof key === 'string') return key
  if (typeof key === 'bigint' || typeof key === 'boolean' || key === null) return String(key)
  if (typeof key === 'number') return Number.isInteger(key) ? key.toFixed(1) : String(key)
  throw undecodable('a dictionary whose keys are not text or numbers')
}

function floatOf(text: string): number {
  const word = text.toLowerCase()
  if (/^[+-]?inf/.test(word)) return word.startsWith('-') ? -Infinity : Infinity
  return word.endsWith('nan') ? Number.NaN : Number(text)
}

/** Raw unicode escape: only \uXXXX and \UXXXXXXXX are escapes. */
function fromRawUnicode(text: string): string {
  return text.replace(
    /\\u([0-9a-fA-F]{4})|\\U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4})/g,
    (_, short?: string, long?: string) => String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16)),
  )
}

/** Decodes UTF-8 in which Python's lone surrogates take three bytes each. */
function textOf(bytes: Buffer): string {
  if (!bytes.includes(0xed)) return bytes.toString('utf8')
  let text = ''
  let from = 0
  for (let at = bytes.indexOf(0xed); at !== -1; at = bytes.indexOf(0xed, at + 1)) {
    const [second = 0, third = 0] = [bytes[at + 1], bytes[at + 2]]
    if (second < 0xa0 || second > 0xbf) continue
    text +=
      bytes.toString('utf8', from, at) + String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f))
    from = at + 3
  }
  return text + bytes.toString('utf8', from)
}
