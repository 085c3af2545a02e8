import type { Drawing } from './drawing.js'

/** A canvas for which the outcome may differ from Celery's: then the names of the tasks in it are compared, not their order and nesting. */
interface ShapeException {
  readonly reason: string
  readonly concerns: (drawing: Drawing) => boolean
}

/** What differs in shape in canvases that we build, since Celery 5.2 and up to 5.7. */
const SHAPES: readonly ShapeException[] = [
  {
    reason: 'Celery lays a group within a group flat, its members in reverse.',
    concerns: (drawing) => drawing.kind === 'group' && drawing.members.some(({ kind }) => kind === 'group'),
  },
  {
    reason: 'Celery makes a group of one its only member in some places of a chain.',
    concerns: (drawing) =>
      drawing.kind === 'chain' &&
      drawing.steps.some((step) => step.kind === 'group' && step.members.length === 1),
  },
]

/** Whether the outcomes differ only in what is an exception. */
export function isExcepted(
  drawing: Drawing,
  expected: unknown,
  found: unknown,
  how: 'built by us' | 'built by Python' | 'mixed',
): boolean {
  // Celery 5.2 loses the value of a chord in a header whose body was replaced: null stands there.
  const parts = everyPart(drawing)
  if (parts.some(isReplacedBody) && agreesButNulls(expected, found)) return true
  // Celery lowers the size of a chord when a group that ends a member of its header is sent: the last members may be null, and are not waited
  // for, nor does their failure count.
  const isLowered = parts.some((part) => part.kind === 'chord' && part.header.some(endsInSentGroup))
  if (isLowered && [expected, ...(how === 'mixed' ? [found] : [])].some(hasNull)) return true
  if (how !== 'built by us') return false
  return (
    SHAPES.some(({ concerns }) => parts.some(concerns)) &&
    String(namesIn(expected)) === String(namesIn(found))
  )
}

/**
 * Errbacks that we call and Celery does not: of the first task of a body that is a chain or a chord, when its header has failed. Celery
 * calls them only where the body is a single task.
 */
export const moreErrbacks = (drawing: Drawing): readonly string[] =>
  everyPart(drawing).flatMap((part) => {
    if (part.kind === 'chord') return part.body.kind === 'task' ? [] : errbacksAtStart(part.body)
    if (part.kind !== 'chain') return []
    // A step after a group or a chord is, or extends, the body.
    return part.steps.flatMap((step, place) => {
      const next = part.steps[place + 1]
      if (!next) return []
      return step.kind === 'chord'
        ? errbacksAtStart(step.body)
        : step.kind === 'group'
          ? errbacksAtStart(next)
          : []
    })
  })

/**
 * Errbacks that Celery 5.2 calls by mistake: when a header has failed whose body is a chain, it fails to store the body's failure and holds
 * the member that ended last to have failed.
 */
export const lessErrbacks = (drawing: Drawing): readonly string[] =>
  everyPart(drawing).flatMap((part) =>
    part.kind === 'chord' && part.body.kind === 'chain' ? part.header.flatMap(errbacksAtEnd) : [],
  )

const childrenOf = (drawing: Drawing): readonly Drawing[] => {
  switch (drawing.kind) {
    case 'task':
      return []
    case 'chain':
      return drawing.steps
    case 'group':
      return drawing.members
    case 'chord':
      return [...drawing.header, drawing.body]
  }
}
const everyPart = (drawing: Drawing): readonly Drawing[] => [
  drawing,
  ...childrenOf(drawing).flatMap(everyPart),
]

const isReplacedBody = (part: Drawing): boolean =>
  part.kind === 'chord' && everyPart(part.body).some((one) => one.kind === 'task' && one.task === 'swap')

const endsInSentGroup = (member: Drawing): boolean =>
  member.kind === 'chain' &&
  member.steps.slice(-1).some((last) => last.kind === 'group' || endsInSentGroup(last))

const hasNull = (outcome: unknown): boolean => /[[,:]null[\],}]/.test(JSON.stringify(outcome))

const errbackOf = ({ linkError }: Drawing): readonly string[] => (linkError ? [linkError] : [])

function errbacksAtStart(drawing: Drawing): readonly string[] {
  const inner =
    drawing.kind === 'chain'
      ? drawing.steps.slice(0, 1).flatMap(errbacksAtStart)
      : drawing.kind === 'chord'
        ? errbacksAtStart(drawing.body)
        : drawing.kind === 'group'
          ? drawing.members.flatMap(errbacksAtStart)
          : []
  return [...errbackOf(drawing), ...inner]
}

function errbacksAtEnd(drawing: Drawing): readonly string[] {
  const inner =
    drawing.kind === 'chain'
      ? drawing.steps.slice(-1).flatMap(errbacksAtEnd)
      : drawing.kind === 'chord'
        ? errbacksAtEnd(drawing.body)
        : []
  return [...errbackOf(drawing), ...inner]
}

/** Whether two outcomes are the same where Celery's is not null. */
function agreesButNulls(expected: unknown, found: unknown): boolean {
  if (expected === null) return true
  if (typeof expected !== 'object' || typeof found !== 'object' || found === null) return expected === found
  const keys = Object.keys(expected)
  return (
    keys.length === Object.keys(found).length &&
    keys.every((key) => agreesButNulls(Reflect.get(expected, key), Reflect.get(found, key)))
  )
}

/** Names of the tasks that a value tells of, in alphabetical order. */
const namesIn = (outcome: unknown): readonly string[] =>
  (JSON.stringify(outcome).match(/"\d+\.n\d+"|"swapped"|"tail"|"error"|"stuck"/g) ?? []).sort()
