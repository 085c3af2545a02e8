import type { SearchNode, SearchTerm } from '../search/search-node.js'
import { textForms } from '../search/text-forms.js'
import type { Bits, BlockGroup } from './block-group.js'
import { charsOf } from './id-chars.js'
import { LONG_PIECE, piecesOf, SHORT_PIECE } from './text-sketch.js'

/** The blocks of a group that may contain a match, undefined = all; that others contain none is certain. */
export type BlockFilter = (group: BlockGroup) => Bits | undefined

const ALWAYS: BlockFilter = () => undefined

/** Prepares a search for thousands of blocks: what it looks for is hashed once. */
export function blockFilter(node: SearchNode): BlockFilter {
  switch (node.kind) {
    case 'all':
    case 'not':
      // A block that contains excluded values may have other tasks too.
      return ALWAYS
    case 'and':
      return all(node.of.map(blockFilter))
    case 'or':
      return any(node.of.map(blockFilter))
    case 'term':
      return termFilter(node)
  }
}

function all(of: readonly BlockFilter[]): BlockFilter {
  const filters = of.filter((filter) => filter !== ALWAYS)
  return (group) => {
    let bits: Bits | undefined
    for (const filter of filters) {
      const more = filter(group)
      bits = bits && more ? bits.map((word, at) => word & (more[at] ?? 0)) : (bits ?? more)
    }
    return bits
  }
}

function any(filters: readonly BlockFilter[]): BlockFilter {
  if (filters.includes(ALWAYS)) return ALWAYS
  return (group) => {
    let bits: Bits = group.where(() => false)
    for (const filter of filters) {
      const more = filter(group)
      if (!more) return undefined
      bits = bits.map((word, at) => word | (more[at] ?? 0))
    }
    return bits
  }
}

function termFilter({ field, relation, value }: SearchTerm): BlockFilter {
  if (typeof value === 'number') {
    if (relation === 'after') return (group) => group.where((place) => (group.maxMs[place] ?? value) >= value)
    if (relation === 'before')
      return (group) => group.where((place) => (group.minMs[place] ?? value) <= value)
    return ALWAYS
  }
  if (field === 'id') return idFilter(value)
  // They may name a task in another block.
  if (field === 'root' || field === 'parent') return ALWAYS
  const forms = (relation === 'is' ? [value] : textForms(value)).map(textFilter)
  if (forms.includes(ALWAYS)) return ALWAYS
  if (field === 'text' && value.length >= LONG_PIECE) forms.push(idFilter(value))
  return any(forms)
}

function textFilter(text: string): BlockFilter {
  const short = piecesOf(text, SHORT_PIECE)
  if (short.length === 0) return ALWAYS
  const long = piecesOf(text, LONG_PIECE)
  return all([(group) => group.withPieces('long', long), (group) => group.withPieces('short', short)])
}

function idFilter(value: string): BlockFilter {
  const pieces = piecesOf(value, LONG_PIECE)
  const chars = charsOf(value)
  return all([
    (group) => group.withPieces('long', pieces),
    (group) => group.where((place) => ((group.idChars[place] ?? chars) & chars) === chars),
  ])
}
