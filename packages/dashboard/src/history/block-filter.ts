import type { SearchNode, SearchTerm } from '../search/search-node.js'
import { textForms } from '../search/text-forms.js'
import type { Block } from './block.js'
import { charsOf } from './id-chars.js'
import { LONG_PIECE, piecesOf, SHORT_PIECE } from './text-sketch.js'

/** Whether a block may contain a match; false is certain. */
export type BlockFilter = (block: Block) => boolean

const ALWAYS: BlockFilter = () => true

/** Prepares a search for thousands of blocks: what it looks for is hashed once. */
export function blockFilter(node: SearchNode): BlockFilter {
  switch (node.kind) {
    case 'all':
    case 'not':
      // A block that contains excluded values may have other tasks too.
      return ALWAYS
    case 'and': {
      const filters = node.of.map(blockFilter).filter((filter) => filter !== ALWAYS)
      return filters.length === 0 ? ALWAYS : (block) => filters.every((filter) => filter(block))
    }
    case 'or': {
      const filters = node.of.map(blockFilter)
      return filters.includes(ALWAYS) ? ALWAYS : (block) => filters.some((filter) => filter(block))
    }
    case 'term':
      return termFilter(node)
  }
}

function termFilter({ field, relation, value }: SearchTerm): BlockFilter {
  if (typeof value === 'number') {
    if (relation === 'after') return ({ maxMs }) => maxMs >= value
    if (relation === 'before') return ({ minMs }) => minMs <= value
    return ALWAYS
  }
  if (field === 'id') return idFilter(value)
  // They may name a task in another block.
  if (field === 'root' || field === 'parent') return ALWAYS
  const forms = (relation === 'is' ? [value] : textForms(value)).map(textFilter)
  if (forms.includes(ALWAYS)) return ALWAYS
  if (field === 'text' && value.length >= LONG_PIECE) forms.push(idFilter(value))
  const [only] = forms
  return only && forms.length === 1 ? only : (block) => forms.some((filter) => filter(block))
}

function textFilter(text: string): BlockFilter {
  const short = piecesOf(text, SHORT_PIECE)
  const long = piecesOf(text, LONG_PIECE)
  if (short.length === 0) return ALWAYS
  return (block) => block.short.hasAll(short) && block.long.hasAll(long)
}

function idFilter(value: string): BlockFilter {
  const pieces = piecesOf(value, LONG_PIECE)
  const chars = charsOf(value)
  return ({ idChars, long }) => (idChars & chars) === chars && long.hasAll(pieces)
}
