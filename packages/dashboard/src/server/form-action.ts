/** Fields that are numbers. */
const NUMBERS: ReadonlySet<string> = new Set([
  'expected',
  'n',
  'min',
  'max',
  'hard',
  'soft',
  'rate_per_second',
  'failedBeforeMs',
  'sinceMs',
])
const LISTS: ReadonlySet<string> = new Set(['ids'])
const OF_TASKS: ReadonlySet<string> = new Set(['ids', 'search'])

/**
 * Builds an action from the fields of a form. `ids` may be repeated; for tasks and letters the targets are `ids`, or `search` (for
 * letters: the filter fields) with `expected`. An empty field counts as absent. `rate_per_second` is a redrive's `rate`.
 */
export function formAction(form: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kind = String(form.kind ?? '')
  const fields = Object.fromEntries(
    Object.entries(form).flatMap(([name, value]) => {
      if (name === 'back' || (value === '' && name !== 'search' && name !== 'rate')) return []
      return [[name, fieldValue(name, value)]]
    }),
  )
  if (kind.startsWith('task.') && kind !== 'task.edit-retry') return grouped(fields, 'tasks', OF_TASKS)
  if (kind === 'letter.redrive' || kind === 'letter.purge') return letterAction(fields)
  return fields
}

function fieldValue(name: string, value: unknown): unknown {
  if (LISTS.has(name)) return [value].flat().map(String)
  if (NUMBERS.has(name)) return Number(value)
  return Array.isArray(value) ? value[0] : value
}

function grouped(
  fields: Readonly<Record<string, unknown>>,
  group: string,
  names: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  const inner: Record<string, unknown> = {}
  const outer: Record<string, unknown> = {}
  const hasIds = 'ids' in fields
  for (const [name, value] of Object.entries(fields)) {
    // Ticked items take precedence, although the form contains the search too.
    if (hasIds && (name === 'search' || name === 'expected')) continue
    if (names.has(name) || name === 'expected') inner[name] = value
    else outer[name] = value
  }
  return { ...outer, [group]: inner }
}

function letterAction(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { kind, ids, expected, to, rate_per_second: rate, ...filter } = fields
  const letters = ids === undefined ? { filter, expected } : { ids }
  return {
    kind,
    letters,
    ...(to === undefined ? {} : { queue: to }),
    ...(rate === undefined ? {} : { rate }),
  }
}
