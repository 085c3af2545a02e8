import { MessageError } from '../kernel/index.js'
import { decodeJson, mayNameTypes } from './json.js'
import type { ReadOptions } from './json-reader.js'
import { BODY_ROOT } from './path.js'
import type { Embed, WireSignature } from './types.js'

/** Shorter bodies are parsed sooner than taken apart. */
const SHORTEST = 1_500
/** Stands for the later steps while the rest of a body is read. */
const MARK = '"lovage:later-steps"'
/** A longer text would be kept in memory for too long. */
const LONGEST_KEPT = 1_000_000
const STARTS = ['"chain":[', '"chain": [']

/**
 * A step as Celery and this package write it, its arguments at most two levels deep, its options four. Whole numbers are short enough to be exact. Each
 * character admits one continuation only, so that matching takes linear time.
 */
const STEP = stepPattern()

function stepPattern(): RegExp {
  const plain = '[^"\\\\\\u0000-\\u001f]'
  const text = `"${plain}*(?:\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4})${plain}*)*"`
  const scalar = `${text}|null|true|false|-?(?:0|[1-9]\\d{0,14})(?:\\.\\d+)?`
  const list = (item: string): string => `\\[(?:(?:${item})(?:(?=\\])|, ?(?=[^\\] ])))*\\]`
  const fields = (item: string): string => `\\{(?:${text}: ?(?:${item})(?:(?=\\})|, ?(?=")))*\\}`
  const flat = `${scalar}|${list(scalar)}|${fields(scalar)}`
  const deep = `${scalar}|${list(flat)}|${fields(flat)}`
  // An errback is a list of steps.
  const deepest = `${scalar}|${list(deep)}|${fields(deep)}`
  const parts = [
    `"task": ?"${plain}+"`,
    `"args": ?${list(flat)}`,
    `"kwargs": ?${fields(flat)}`,
    `"options": ?${fields(deepest)}`,
    `"subtask_type": ?(?:null|"${plain}*")`,
    '"immutable": ?(?:true|false)',
  ]
  return new RegExp(`\\{${parts.join(', ?')}(?:, ?"chord_size": ?null)?\\}`, 'y')
}

/**
 * The steps of a chain that are still to come, the next one last, as their sender wrote them: read one at a time, and passed on as they are.
 * Together the messages of a chain hold the square of its length.
 */
export class LaterSteps {
  readonly #text: string
  /** Where each step ends. */
  readonly #ends: readonly number[]
  readonly #count: number

  /** `text` is a JSON list without its brackets. */
  constructor(text: string, ends: readonly number[], count = ends.length) {
    this.#text = text
    this.#ends = ends
    this.#count = count
  }

  /** Characters of its text. */
  get length(): number {
    return this.#ends[this.#count - 1] ?? 0
  }

  get next(): WireSignature | undefined {
    const count = this.#count
    if (count === 0) return undefined
    const start = count === 1 ? 0 : (this.#ends[count - 2] ?? 0) + 1
    // Matched by the pattern above, which is that of a signature.
    return JSON.parse(this.#text.slice(start, this.#ends[count - 1])) as WireSignature
  }

  withoutNext(): LaterSteps {
    return new LaterSteps(this.#text, this.#ends, Math.max(0, this.#count - 1))
  }

  all(): readonly WireSignature[] {
    // As in `next`.
    return JSON.parse(this.json()) as WireSignature[]
  }

  /** As a JSON list. */
  json(): string {
    return `[${this.#text.slice(0, this.length)}]`
  }
}

/** The body that was written last: its next reader is often this process. */
let written: { readonly text: string; readonly start: number; readonly later: LaterSteps } | undefined

/** A body's text, its later steps as they came. */
export function bodyWith(before: string, later: LaterSteps, after: string): string {
  const text = before + later.json() + after
  written = text.length < LONGEST_KEPT ? { text, start: before.length + 1, later } : undefined
  return text
}

/** On an embed whose steps are unread: each task is asked for it, so that a map would cost too much. */
const LATER = Symbol('later steps')
interface Unread {
  readonly [LATER]?: LaterSteps
}

/** An embed whose `chain` is read when something asks for it. */
export function embedWith(rest: Omit<Embed, 'chain'>, later: LaterSteps): Embed {
  let all: readonly WireSignature[] | undefined
  const embed: Embed = {
    callbacks: rest.callbacks,
    errbacks: rest.errbacks,
    get chain() {
      all ??= later.all()
      return all
    },
    chord: rest.chord,
  }
  // Nothing that writes or copies it sees this.
  return Object.defineProperty(embed, LATER, { value: later })
}

/** The later steps of such an embed, unread; undefined for any other. */
export const laterSteps = (embed: object): LaterSteps | undefined => (embed as Unread)[LATER]

/**
 * Reads the body of a task message whose later steps are long, without reading those; undefined for a body that is not written in the usual
 * way, or holds anything that has to be read with care, or is not valid.
 */
export function readAroundSteps(text: string, options: ReadOptions): unknown {
  if (text.length < SHORTEST) return undefined
  const found = written?.text === text ? written : findSteps(text)
  if (!found) return undefined
  const { start, later } = found
  const around = `${text.slice(0, start)}${MARK}${text.slice(start + later.length)}`
  return withSteps(around, options, later)
}

function findSteps(text: string): { readonly start: number; readonly later: LaterSteps } | undefined {
  const start = startOfSteps(text)
  if (start === undefined || text.includes(MARK)) return undefined
  const ends: number[] = []
  let at = start
  for (;;) {
    STEP.lastIndex = at
    if (!STEP.test(text)) return undefined
    at = STEP.lastIndex
    ends.push(at - start)
    if (text[at] !== ',') break
    at += text[at + 1] === ' ' ? 2 : 1
  }
  if (text[at] !== ']') return undefined
  const steps = text.slice(start, at)
  return mayNameTypes(steps) ? undefined : { start, later: new LaterSteps(steps, ends) }
}

function startOfSteps(text: string): number | undefined {
  for (const begin of STARTS) {
    const at = text.indexOf(begin)
    if (at !== -1) return at + begin.length
  }
  return undefined
}

function withSteps(around: string, options: ReadOptions, later: LaterSteps): unknown {
  let body: unknown
  try {
    body = decodeJson(around, options, BODY_ROOT)
  } catch (error) {
    // Reading the whole says what is wrong, and where.
    if (error instanceof MessageError) return undefined
    throw error
  }
  if (!Array.isArray(body) || body.length !== 3) return undefined
  const [args, kwargs, embed]: readonly unknown[] = body
  if (typeof embed !== 'object' || embed === null) return undefined
  // What else it holds is checked by the reader of bodies.
  const { chain, ...rest } = embed as Omit<Embed, 'chain'> & { readonly chain?: unknown }
  const isMarked = Array.isArray(chain) && chain.length === 1 && chain[0] === JSON.parse(MARK)
  return isMarked ? [args, kwargs, embedWith(rest, later)] : undefined
}
