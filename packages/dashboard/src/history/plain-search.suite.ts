import type { SearchNode, SearchTerm } from '../search/search-node.js'
import type { TaskRecord } from './task-record.js'

const TEXTS = ['name', 'worker', 'queue', 'args', 'kwargs', 'result', 'exception', 'state'] as const

/** Whether a record is what is searched, done in the plainest way. */
export function matches(node: SearchNode, record: TaskRecord): boolean {
  switch (node.kind) {
    case 'all':
      return true
    case 'and':
      return node.of.every((one) => matches(one, record))
    case 'or':
      return node.of.some((one) => matches(one, record))
    case 'not':
      return !matches(node.of, record)
    case 'term':
      return termMatches(node, record)
  }
}

function termMatches({ field, relation, value }: SearchTerm, record: TaskRecord): boolean {
  const has = (text: string | null): boolean =>
    text?.toLowerCase().includes(String(value).toLowerCase()) ?? false
  if (field === 'text')
    return TEXTS.some((one) => has(record[one])) || (String(value).length >= 6 && has(record.id))
  if (field === 'received') return (record.receivedMs ?? 0) >= Number(value)
  const text = record[field as 'id' | 'name' | 'args' | 'kwargs' | 'worker' | 'state']
  return relation === 'is' ? text === value : has(text)
}
