/** The reason a text is not a readable literal, and its position. */
export class PythonLiteralError extends Error {
  readonly position: number

  constructor(message: string, position: number) {
    super(`${message} at position ${position}`)
    this.position = position
  }
}

const DEEPEST = 100
const NUMBER = /[+-]?(?:\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)/y
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\u0007',
  '0': '\0',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

/**
 * Reads arguments as shown in events, `('ada', 3, {'big': 12345678901234567890})`: Python's notation for tuples, lists, dicts, strings,
 * numbers, True, False and None. Integers beyond a number's range become bigints.
 * @throws {PythonLiteralError} for anything else: a truncated text, a class instance, a hidden secret.
 */
export function readPythonLiteral(text: string): unknown {
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(depth: number): unknown {
    if (depth > DEEPEST) throw this.#wrong('It is too deep')
    this.#space()
    const char = this.#text.charAt(this.#at)
    if (char === '(') return this.#list(')', depth)
    if (char === '[') return this.#list(']', depth)
    if (char === '{') return this.#dict(depth)
    if (char === "'" || char === '"') return this.#string(char)
    for (const [word, value] of [
      ['True', true],
      ['False', false],
      ['None', null],
    ] as const)
      if (this.#text.startsWith(word, this.#at) && !/\w/.test(this.#text.charAt(this.#at + word.length))) {
        this.#at += word.length
        return value
      }
    return this.#number()
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) throw this.#wrong('There is more than one value')
  }

  #list(close: string, depth: number): unknown[] {
    this.#at++
    const items: unknown[] = []
    while (!this.#takes(close)) {
      items.push(this.value(depth + 1))
      if (!this.#takes(',') && !this.#sees(close)) throw this.#wrong(`A comma or ${close} is missing`)
    }
    return items
  }

  #dict(depth: number): Record<string, unknown> {
    this.#at++
    const entries: [string, unknown][] = []
    while (!this.#takes('}')) {
      const key = this.value(depth + 1)
      if (typeof key !== 'string') throw this.#wrong('A name is not a string')
      if (!this.#takes(':')) throw this.#wrong('A colon is missing')
      entries.push([key, this.value(depth + 1)])
      if (!this.#takes(',') && !this.#sees('}')) throw this.#wrong('A comma or } is missing')
    }
    return Object.fromEntries(entries)
  }

  #string(quote: string): string {
    let value = ''
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const char = this.#text.charAt(this.#at)
      if (char === quote) {
        this.#at++
        return value
      }
      value += char === '\\' ? this.#escape() : char
    }
    throw this.#wrong('A string does not end')
  }

  #escape(): string {
    this.#at++
    const char = this.#text.charAt(this.#at)
    const digits = { x: 2, u: 4, U: 8 }[char]
    if (digits === undefined) {
      const value = ESCAPES[char]
      if (value === undefined) throw this.#wrong('An escape is not known')
      return value
    }
    const hex = this.#text.slice(this.#at + 1, this.#at + 1 + digits)
    const code = Number.parseInt(hex, 16)
    if (!/^[\da-fA-F]+$/.test(hex) || hex.length < digits || code > 0x10_ffff)
      throw this.#wrong('An escape is not known')
    this.#at += digits
    return String.fromCodePoint(code)
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at
    const digits = NUMBER.exec(this.#text)?.[0]
    if (digits === undefined || /[\w]/.test(this.#text.charAt(this.#at + digits.length)))
      throw this.#wrong('It is not a plain value')
    this.#at += digits.length
    const plain = digits.replaceAll('_', '')
    if (!/^[+-]?\d+$/.test(plain)) return Number(plain)
    return Number.isSafeInteger(Number(plain)) ? Number(plain) : BigInt(plain)
  }

  #takes(char: string): boolean {
    if (!this.#sees(char)) return false
    this.#at++
    return true
  }
  #sees(char: string): boolean {
    this.#space()
    return this.#text.charAt(this.#at) === char
  }
  #space(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at++
  }
  #wrong(what: string): PythonLiteralError {
    return new PythonLiteralError(what, this.#at)
  }
}
