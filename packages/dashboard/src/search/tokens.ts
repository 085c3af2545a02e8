import type { SearchError } from './search-node.js'

/** A token of a search. A word counts as quoted when any part of it was. */
export interface Token {
  readonly kind: 'word' | 'and' | 'or' | 'not' | 'open' | 'close' | 'end'
  readonly value: string
  readonly isQuoted: boolean
  readonly position: number
  readonly length: number
}

/** Thrown only within the parser, which turns it into a value. */
export class SearchSyntaxError extends Error {
  readonly position: number
  readonly length: number

  constructor(message: string, position: number, length = 1) {
    super(message)
    this.position = position
    this.length = length
  }

  get told(): SearchError {
    return { message: this.message, position: this.position, length: this.length }
  }
}

const MOST_TOKENS = 128
const OPERATORS: Readonly<Record<string, Token['kind']>> = { AND: 'and', OR: 'or', NOT: 'not' }

/** Splits a search as Flower does: words, parentheses, and phrases in double quotes with `\"` and `\\`. */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  const push = (token: Token): void => {
    tokens.push(token)
    if (tokens.length > MOST_TOKENS)
      throw new SearchSyntaxError(`Query exceeds ${MOST_TOKENS} tokens`, token.position)
  }
  let at = 0
  while (at < text.length) {
    const char = text.charAt(at)
    if (/\s/.test(char)) at++
    else if (char === '(' || char === ')') {
      const kind = char === '(' ? 'open' : 'close'
      push({ kind, value: char, isQuoted: false, position: at, length: 1 })
      at++
    } else {
      const word = readWord(text, at)
      push(word)
      at += word.length
    }
  }
  push({ kind: 'end', value: '', isQuoted: false, position: text.length, length: 0 })
  return tokens
}

function readWord(text: string, position: number): Token {
  let value = ''
  let isQuoted = false
  let isOpen = false
  let at = position
  for (; at < text.length; at++) {
    const char = text.charAt(at)
    const next = text.charAt(at + 1)
    if (char === '\\' && (next === '"' || next === '\\')) {
      value += next
      at++
    } else if (char === '"') {
      isQuoted = true
      isOpen = !isOpen
    } else if (!isOpen && /[\s()]/.test(char)) break
    else value += char
  }
  const length = at - position
  if (isOpen) throw new SearchSyntaxError('Unterminated quoted phrase', position, length)
  if (value === '') throw new SearchSyntaxError('Empty search term', position, length)
  const kind = isQuoted ? 'word' : (OPERATORS[value] ?? 'word')
  return { kind, value, isQuoted, position, length }
}
