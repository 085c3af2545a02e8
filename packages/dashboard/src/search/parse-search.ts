import type { SearchError, SearchNode } from './search-node.js'
import { parseTerm, type SearchOptions } from './search-term.js'
import { SearchSyntaxError, type Token, tokenize } from './tokens.js'

const LONGEST = 2048
const DEEPEST = 5

/** A parsed search, or its error. */
export type ParsedSearch =
  | { readonly ok: true; readonly node: SearchNode }
  | { readonly ok: false; readonly error: SearchError }

/**
 * Parses a search: adjacent words are joined by AND, which binds tighter than OR; NOT, or a `-` before a word, excludes; phrases are in
 * double quotes. Every Flower search has the same meaning here.
 *
 * Reads such as `state:FAILURE (name:mail OR error:timeout) -worker:canary received:>2h`.
 */
export function parseSearch(text: string, options: SearchOptions): ParsedSearch {
  try {
    if (text.length > LONGEST) throw new SearchSyntaxError(`Query exceeds ${LONGEST} characters`, LONGEST)
    return { ok: true, node: new Parser(tokenize(text), options).parse() }
  } catch (error) {
    if (error instanceof SearchSyntaxError) return { ok: false, error: error.told }
    throw error
  }
}

/** A recursive descent parser, one method per precedence level. */
class Parser {
  readonly #tokens: readonly Token[]
  readonly #options: SearchOptions
  #at = 0

  constructor(tokens: readonly Token[], options: SearchOptions) {
    this.#tokens = tokens
    this.#options = options
  }

  parse(): SearchNode {
    if (this.#peek().kind === 'end') return { kind: 'all' }
    const node = this.#or(0)
    if (this.#peek().kind !== 'end') throw this.#unexpected()
    return node
  }

  #peek(): Token {
    const token = this.#tokens[this.#at]
    if (!token) throw new Error('a search ends with its end')
    return token
  }

  #or(depth: number): SearchNode {
    const of = [this.#and(depth)]
    while (this.#peek().kind === 'or') {
      this.#operator()
      of.push(this.#and(depth))
    }
    return joined('or', of)
  }

  #and(depth: number): SearchNode {
    const of = [this.#not(depth)]
    while (!['end', 'close', 'or'].includes(this.#peek().kind)) {
      if (this.#peek().kind === 'and') this.#operator()
      of.push(this.#not(depth))
    }
    return joined('and', of)
  }

  #not(depth: number): SearchNode {
    const token = this.#peek()
    if (token.kind === 'not') {
      if (this.#options.isFlower)
        throw new SearchSyntaxError('NOT is not supported', token.position, token.length)
      this.#operator()
      return { kind: 'not', of: this.#not(depth) }
    }
    const isMinus = token.kind === 'word' && /^-[^\s-]/.test(token.value) && !this.#options.isFlower
    // A negative number, or a quoted phrase that begins with a minus, is taken literally.
    if (isMinus && !token.isQuoted && !/^-\d/.test(token.value)) {
      this.#at++
      const value = token.value.slice(1)
      const rest = { ...token, value, position: token.position + 1, length: token.length - 1 }
      return { kind: 'not', of: parseTerm(rest, this.#options) }
    }
    return this.#primary(depth)
  }

  #primary(depth: number): SearchNode {
    const token = this.#peek()
    if (token.kind === 'open') {
      if (depth >= DEEPEST)
        throw new SearchSyntaxError(`Query nesting exceeds ${DEEPEST} levels`, token.position)
      this.#at++
      if (this.#peek().kind === 'close') throw new SearchSyntaxError('Empty group', token.position, 2)
      const node = this.#or(depth + 1)
      if (this.#peek().kind !== 'close')
        throw new SearchSyntaxError('Missing closing parenthesis', token.position)
      this.#at++
      return node
    }
    if (token.kind !== 'word')
      throw new SearchSyntaxError('Expected a search term', token.position, Math.max(1, token.length))
    this.#at++
    return parseTerm(token, this.#options)
  }

  /** Consumes AND, OR or NOT, which must be followed by an operand. */
  #operator(): void {
    const operator = this.#peek()
    this.#at++
    if (!['end', 'close', 'and', 'or'].includes(this.#peek().kind)) return
    throw new SearchSyntaxError(
      `${operator.value} must be followed by a search term`,
      operator.position,
      operator.length,
    )
  }

  #unexpected(): SearchSyntaxError {
    const { value, position, length } = this.#peek()
    return new SearchSyntaxError(`Unexpected '${value}'`, position, length)
  }
}

function joined(kind: 'and' | 'or', of: readonly SearchNode[]): SearchNode {
  const [only] = of
  if (only && of.length === 1) return only
  return { kind, of: of.flatMap((node) => (node.kind === kind ? node.of : [node])) }
}
