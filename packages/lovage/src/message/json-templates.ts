import { endOfString, skipSpace } from './json-scan.js'

/** Longer texts are read as a whole: a few long ones would fill the memory that templates take. */
const LONGEST = 4_000
const MOST_TEMPLATES = 16
/** Learning takes as long as reading ten texts, so it has to be earned: by some texts that were read, or by many that were not. */
const MOST_CREDIT = 64
const CREDIT_OF_READ = 1 / 64
const CREDIT_OF_MISS = 1 / 256

const QUOTE = 34
const COMMA = 44
const MINUS = 45
const COLON = 58
const OPEN_LIST = 91
const CLOSE_LIST = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
const ZERO = 48
const NINE = 57
/** More digits might not be a safe integer. */
const MOST_DIGITS = 15
/** What a text of JSON cannot hold as it is, and what needs decoding. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const NOT_VERBATIM = /[\u0000-\u001f\\]/

/**
 * Reads JSON texts that are alike, such as the messages of one queue, in half of `JSON.parse`'s time or less. Of texts that differ only in
 * strings and whole numbers it keeps a template: the pieces between them, which are compared as they are, and the value, which is copied.
 * It gives exactly what `JSON.parse` gives, or nothing.
 */
export class JsonTemplates {
  /** By the text without its strings and whole numbers. */
  readonly #bySkeleton = new Map<string, Template>()
  /** The latest that fitted stands first. */
  #templates: Template[] = []
  #credit = MOST_CREDIT

  /** The value of the text, or undefined when no template fits. The value is the caller's own. */
  read(text: string): unknown {
    const templates = this.#templates
    for (let place = 0; place < templates.length; place++) {
      const template = templates[place] as Template
      const found = template.read(text)
      if (found === undefined) continue
      if (this.#credit < MOST_CREDIT) this.#credit += CREDIT_OF_READ
      if (place > 0) {
        templates.splice(place, 1)
        templates.unshift(template)
      }
      return found
    }
    return undefined
  }

  /** Learns from a text that no template fitted and that `JSON.parse` can read. */
  learn(text: string): void {
    if (text.length > LONGEST) return
    this.#credit += CREDIT_OF_MISS
    if (this.#credit < 1) return
    this.#credit--
    // What the caller has is the caller's to change.
    const value: unknown = JSON.parse(text)
    const scanned = typeof value === 'object' && value ? scan(text, value as Container) : undefined
    if (!scanned) return
    const { skeleton, leaves, parts } = scanned
    const known = this.#bySkeleton.get(skeleton)
    const template = new Template(text, leaves, parts, known)
    this.#bySkeleton.set(skeleton, template)
    this.#templates = [template, ...this.#templates.filter((one) => one !== known)]
    const last = this.#templates.length > MOST_TEMPLATES ? this.#templates.pop() : undefined
    for (const [one, kept] of this.#bySkeleton) if (kept === last) this.#bySkeleton.delete(one)
  }
}

type Container = Record<string, unknown> | unknown[]

const fieldsOf = (container: Container): Record<string | number, unknown> =>
  // A list is one of numbers.
  container as Record<string | number, unknown>

/** A string or whole number in a text. `holder` is the place of its object or list among all of them. */
interface Leaf {
  /** Without the quotes. */
  readonly start: number
  readonly end: number
  readonly isText: boolean
  readonly holder: number
  readonly key: string | number
}

/** An object or a list of a text, in the order in which they begin. */
interface Part {
  readonly sample: Container
  readonly level: number
  readonly holder: number
  readonly key: string | number
}

class Template {
  /** Leaves that may differ. */
  readonly #open: readonly Leaf[]
  /** The text around the open leaves: one more than these. */
  readonly #pieces: readonly string[]
  readonly #places: ReadonlySet<number>

  /** `known` was made of texts with the same skeleton: what is open there stays open. */
  constructor(
    private readonly text: string,
    private readonly leaves: readonly Leaf[],
    private readonly parts: readonly Part[],
    known?: Template,
  ) {
    const places = new Set<number>()
    for (let place = 0; place < leaves.length; place++)
      if (known?.isOpen(place, text, leaves[place] as Leaf)) places.add(place)
    this.#places = places
    this.#open = leaves.filter((_, place) => places.has(place))
    const pieces: string[] = []
    let from = 0
    for (const { start, end } of this.#open) {
      pieces.push(text.slice(from, start))
      from = end
    }
    this.#pieces = [...pieces, text.slice(from)]
  }

  isOpen(place: number, text: string, { start, end }: Leaf): boolean {
    if (this.#places.has(place)) return true
    const mine = this.leaves[place] as Leaf
    return this.text.slice(mine.start, mine.end) !== text.slice(start, end)
  }

  read(text: string): unknown {
    const pieces = this.#pieces
    const open = this.#open
    const values: unknown[] = []
    let at = 0
    for (let place = 0; place < open.length; place++) {
      const piece = pieces[place] as string
      const start = at + piece.length
      // Comparing slices is several times faster than startsWith.
      if (text.slice(at, start) !== piece) return undefined
      const end = (open[place] as Leaf).isText ? text.indexOf('"', start) : endOfDigits(text, start)
      if (end === -1) return undefined
      const found = text.slice(start, end)
      if ((open[place] as Leaf).isText) {
        if (NOT_VERBATIM.test(found)) return undefined
        values.push(apart(found))
      } else values.push(Number(found))
      at = end
    }
    return text.slice(at) === pieces[open.length] ? this.#copy(values) : undefined
  }

  /** The value with these in the places of the open leaves. */
  #copy(values: readonly unknown[]): unknown {
    const parts = this.parts
    const copies: Container[] = []
    for (let place = 0; place < parts.length; place++) {
      const { sample, level, holder, key } = parts[place] as Part
      const copy = copyOf(sample, level)
      copies.push(copy)
      if (place > 0) fieldsOf(copies[holder] as Container)[key] = copy
    }
    const open = this.#open
    for (let place = 0; place < open.length; place++) {
      const { holder, key } = open[place] as Leaf
      fieldsOf(copies[holder] as Container)[key] = values[place]
    }
    return copies[0]
  }
}

/** V8 remembers by the place in the code how objects of up to four shapes are copied: so a place for each level. */
function copyOf(sample: Container, level: number): Container {
  if (Array.isArray(sample)) return sample.slice()
  if (level === 0) return { ...sample }
  if (level === 1) return { ...sample }
  return { ...sample }
}

/** A text of its own: a slice would keep the whole message in memory for as long as its id is remembered. */
const apart = (slice: string): string => ` ${slice}`.slice(1)

function endOfDigits(text: string, start: number): number {
  let end = start
  for (let code = text.charCodeAt(end); code >= ZERO && code <= NINE; code = text.charCodeAt(end)) end++
  const digits = end - start
  if (digits === 0 || digits > MOST_DIGITS) return -1
  return digits > 1 && text.charCodeAt(start) === ZERO ? -1 : end
}

/**
 * The text without its strings and whole numbers, where those are, and its objects and lists. The text is valid JSON; undefined when a
 * field is given twice, or cannot be assigned.
 */
function scan(
  text: string,
  root: Container,
):
  | { readonly skeleton: string; readonly leaves: readonly Leaf[]; readonly parts: readonly Part[] }
  | undefined {
  const leaves: Leaf[] = []
  const parts: Part[] = []
  const skeleton: string[] = []
  const around: Around[] = []
  let from = 0
  const add = (start: number, end: number, isText: boolean): void => {
    const { place, key } = around.at(-1) as Around
    leaves.push({ start, end, isText, holder: place, key })
    skeleton.push(text.slice(from, start), isText ? '' : '0')
    from = end
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const holder = around.at(-1)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      if (holder?.keys && text.charCodeAt(skipSpace(text, end + 1)) === COLON) {
        holder.key = JSON.parse(text.slice(at, end + 1)) as string
        // To assign `__proto__` is not to have a field of that name.
        if (holder.keys.has(holder.key) || holder.key === '__proto__') return undefined
        holder.keys.add(holder.key)
      } else if (!NOT_VERBATIM.test(text.slice(at + 1, end))) add(at + 1, end, true)
      at = end
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      const [place, key] = [holder?.place ?? 0, holder?.key ?? 0]
      const sample = holder ? (fieldsOf((parts[place] as Part).sample)[key] as Container) : root
      parts.push({ sample, level: around.length, holder: place, key })
      around.push({
        place: parts.length - 1,
        keys: code === OPEN_OBJECT ? new Set() : undefined,
        key: 0,
      })
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) around.pop()
    else if (code === COMMA) {
      if (typeof holder?.key === 'number') holder.key++
    } else if (isNumberStart(code)) {
      const end = endOfNumber(text, at)
      if (endOfDigits(text, at) === end) add(at, end, false)
      at = end - 1
    }
  }
  skeleton.push(text.slice(from))
  return { skeleton: skeleton.join(''), leaves, parts }
}

/** An object or list that the scan is in, and its current field. */
interface Around {
  readonly place: number
  readonly keys: Set<string> | undefined
  key: string | number
}

const isNumberStart = (code: number): boolean => code === MINUS || (code >= ZERO && code <= NINE)

function endOfNumber(text: string, start: number): number {
  const rest = /[,\]}\s]/g
  rest.lastIndex = start
  return rest.exec(text)?.index ?? text.length
}
