import type { SearchField, SearchNode, SearchTerm } from '../search/search-node.js'
import { textForms } from '../search/text-forms.js'
import { LONG_PIECE } from './text-sketch.js'

/** Part of a statement, and the values of its parameters in order. */
export interface Condition {
  readonly sql: string
  readonly values: readonly (string | number)[]
}

/** The differences between databases' SQL. */
export interface Dialect {
  /** The n-th parameter, from 1. */
  readonly parameter: (n: number) => string
  /** Whether a column contains a text whose ASCII letters are in lower case; the parameter's value is `partOf` of the text. */
  readonly contains: (column: string, parameter: string) => string
  /** The same for any of several columns, where that costs less. */
  readonly anyContains?: (columns: readonly string[], parameter: string) => string
  readonly partOf: (text: string) => string
}

/** Between columns that are searched as one: a search that contains it looks into each alone. */
const BETWEEN = '\u0001'

export const SQLITE: Dialect = {
  parameter: () => '?',
  // LIKE compares ASCII letters in any case, and needs no copy of the text in lower case: a third of the time.
  contains: (column, part) => `${column} LIKE ${part} ESCAPE '\\'`,
  partOf: (text) => `%${text.replace(/[%_\\]/g, '\\$&')}%`,
}
export const POSTGRES: Dialect = {
  parameter: (n) => `$${n}`,
  // By the rules of C, which know ASCII letters alone: half the time of any other's.
  contains: (column, part) => `strpos(lower(${column} COLLATE "C"), ${part}) > 0`,
  // One text is put into lower case in a quarter of the time of nine.
  anyContains: (columns, part) =>
    `strpos(lower(concat_ws(chr(${BETWEEN.charCodeAt(0)}), ${columns.join(', ')}) COLLATE "C"), ${part}) > 0`,
  partOf: (text) => text,
}

const COLUMN: Readonly<Record<Exclude<SearchField, 'text'>, string>> = {
  id: 'id',
  name: 'name',
  state: 'state',
  worker: 'worker',
  queue: 'queue',
  args: 'args',
  kwargs: 'kwargs',
  result: 'result',
  error: 'exception',
  root: 'root_id',
  parent: 'parent_id',
  retries: 'retries',
  runtime: 'runtime',
  sent: 'sent_ms',
  received: 'received_ms',
  started: 'started_ms',
  ended: 'ended_ms',
}
const TEXTS = ['name', 'worker', 'queue', 'args', 'kwargs', 'result', 'exception', 'state']

/**
 * A search as a condition on rows of `task`. Texts are compared with ASCII letters in lower case; other letters must match as stored, or
 * be all upper or all lower case.
 *
 * @param first The number of its first parameter.
 */
export function searchSql(node: SearchNode, dialect: Dialect, first = 1): Condition {
  const values: (string | number)[] = []
  const put = (value: string | number): string => {
    values.push(value)
    return dialect.parameter(first + values.length - 1)
  }
  return { sql: conditionOf(node, dialect, put), values }
}

/** Databases test conditions in their order: what is cheap or rare comes first, so that the others are seldom tested. */
const cheapestFirst = (nodes: readonly SearchNode[]): readonly SearchNode[] =>
  nodes.toSorted((one, other) => costOf(one) - costOf(other))

/** A long text is rarer than a short one. */
function costOf(node: SearchNode): number {
  if (node.kind !== 'term') return 1000
  if (node.relation !== 'contains') return 0
  return (node.field === 'text' ? 500 : 100) - Math.min(99, String(node.value).length)
}

type Put = (value: string | number) => string

function conditionOf(node: SearchNode, dialect: Dialect, put: Put): string {
  switch (node.kind) {
    case 'all':
      return '1 = 1'
    case 'and':
      return `(${cheapestFirst(node.of)
        .map((one) => conditionOf(one, dialect, put))
        .join(' AND ')})`
    case 'or':
      if (node.of.length === 0) return '1 = 0'
      return `(${node.of.map((one) => conditionOf(one, dialect, put)).join(' OR ')})`
    case 'not':
      // Unknown values do not count as excluded.
      return `NOT coalesce(${conditionOf(node.of, dialect, put)}, 1 = 0)`
    case 'term':
      return term(node, dialect, put)
  }
}

function term({ field, relation, value }: SearchTerm, dialect: Dialect, put: Put): string {
  if (typeof value === 'number') {
    const sign = relation === 'before' || relation === 'less' ? '<=' : '>='
    return `${columnOf(field)} ${sign} ${put(value)}`
  }
  if (relation === 'is') return `${columnOf(field)} = ${put(value)}`
  const forms = textForms(value)
  const has = (column: string): string =>
    forms.map((form) => dialect.contains(column, put(dialect.partOf(form)))).join(' OR ')
  if (field !== 'text') return `(${has(columnOf(field))})`
  // Shorter pieces are not searched in ids: every block has them.
  const columns = value.length >= LONG_PIECE ? [...TEXTS, 'id'] : TEXTS
  const { anyContains } = dialect
  if (!anyContains || value.includes(BETWEEN))
    return `(${columns.map((column) => `coalesce(${has(column)}, 1 = 0)`).join(' OR ')})`
  return `(${forms.map((form) => anyContains(columns, put(dialect.partOf(form)))).join(' OR ')})`
}

const columnOf = (field: SearchField): string => {
  if (field === 'text') throw new Error('text is several columns')
  return COLUMN[field]
}
