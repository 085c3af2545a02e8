import type { SearchNode, SearchTerm } from '../../search/search-node.js'
import { textForms } from '../../search/text-forms.js'
import { charsOf } from '../id-chars.js'
import { LONG_PIECE, piecesOf, SHORT_PIECE } from '../text-sketch.js'

const ALWAYS = 'TRUE'
/** Pieces of a text that are looked for in a sketch: more make a block that passes hardly less likely. */
const MOST_PIECES = 16

/**
 * `blockFilter` as a condition on rows of `block`, for the server to test: sketches of a million tasks are 24 MB, too much to be fetched for
 * a search. It holds numbers alone, no text of the search.
 */
export function blockCondition(node: SearchNode): string {
  switch (node.kind) {
    case 'all':
    case 'not':
      return ALWAYS
    case 'and':
      return joined(
        node.of.map(blockCondition).filter((one) => one !== ALWAYS),
        'AND',
        ALWAYS,
      )
    case 'or': {
      const conditions = node.of.map(blockCondition)
      return conditions.includes(ALWAYS) ? ALWAYS : joined(conditions, 'OR', 'FALSE')
    }
    case 'term':
      return ofTerm(node)
  }
}

function ofTerm({ field, relation, value }: SearchTerm): string {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return ALWAYS
    if (relation === 'after') return `max_ms >= ${value}`
    if (relation === 'before') return `min_ms <= ${value}`
    return ALWAYS
  }
  if (field === 'id') return ofId(value)
  // They may name a task in another block.
  if (field === 'root' || field === 'parent') return ALWAYS
  const forms = (relation === 'is' ? [value] : textForms(value)).map(ofText)
  if (forms.includes(ALWAYS)) return ALWAYS
  if (field === 'text' && value.length >= LONG_PIECE) forms.push(ofId(value))
  return joined(forms, 'OR', 'FALSE')
}

const ofText = (text: string): string =>
  joined(
    [...bits('long', piecesOf(text, LONG_PIECE)), ...bits('short', piecesOf(text, SHORT_PIECE))],
    'AND',
    ALWAYS,
  )

function ofId(value: string): string {
  const chars = charsOf(value)
  return joined(
    [`id_chars & ${chars} = ${chars}`, ...bits('long', piecesOf(value, LONG_PIECE))],
    'AND',
    ALWAYS,
  )
}

/** A sketch's length is a power of two. */
const bits = (sketch: 'short' | 'long', pieces: readonly number[]): string[] =>
  pieces.slice(0, MOST_PIECES).map((hash) => `get_bit(${sketch}, ${hash} & (length(${sketch}) * 8 - 1)) = 1`)

const joined = (conditions: readonly string[], word: 'AND' | 'OR', none: string): string =>
  conditions.length === 0 ? none : `(${conditions.join(` ${word} `)})`
