/**
 * Messages that no honest sender writes, drawn from a seed: for tests, and for long runs beside real work. A case is told by its seed and
 * its number, so that whatever fails can be drawn again.
 */

/** Numbers from 0 to 1 in the order of a seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Values of wrong types, as JSON: several have no form as text, or are no number that JavaScript holds. */
export const WRONG_VALUES = [
  'null',
  'true',
  'false',
  '0',
  '-1',
  '1.5',
  '1e308',
  '-1e308',
  '9007199254740993',
  '-9223372036854775809',
  '123456789012345678901234567890',
  'NaN',
  'Infinity',
  '-Infinity',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"7"',
  '"-"',
  '"constructor"',
  '"2026-02-30T00:00:00"',
  '"text"',
  `"${'long '.repeat(2000)}"`,
  '[]',
  '[null]',
  '[[1, "two", {}], {"a": []}]',
  '{}',
  '{"toString": 1, "valueOf": 1}',
  '{"toString": null, "toJSON": 1}',
  '{"constructor": {"name": 7}, "then": 1, "length": -1}',
  '{"!": "decimal", "value": null}',
  '{"!": "timestamp", "value": {"toString": 1}}',
  '{"__type__": "uuid", "__value__": {"hex": "00000000000000000000000000000000"}}',
  '{"__type__": "datetime", "__value__": "2026-11-29T00:00:00Z"}',
  '{"__type__": "decimal", "__value__": "1e999999"}',
  '{"__type__": "nosuch", "__value__": 1}',
  '{"__proto__": {"polluted": true}}',
  `${'['.repeat(1500)}${']'.repeat(1500)}`,
  `${'{"a":'.repeat(800)}1${'}'.repeat(800)}`,
]

/** JSON that is put together by hand, so that it can hold what no writer writes. */
class Raw {
  constructor(text) {
    this.text = text
  }
}

function write(value) {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(write).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, member]) => `${JSON.stringify(key)}: ${write(member)}`)
      .join(', ')}}`
  return JSON.stringify(value)
}

/** The ways to every part of a value. */
export function pathsOf(value, path = []) {
  const own = path.length > 0 ? [path] : []
  if (typeof value !== 'object' || value === null || value instanceof Raw) return own
  return [...own, ...Object.keys(value).flatMap((key) => pathsOf(value[key], [...path, key]))]
}

/** A copy in which one part is another; `undefined` leaves the part out. */
export function withPart(value, [key, ...rest], part) {
  if (key === undefined) return part
  if (typeof value !== 'object' || value === null || value instanceof Raw) return value
  const copy = Array.isArray(value) ? [...value] : { ...value }
  if (rest.length === 0 && part === undefined) delete copy[key]
  else copy[key] = withPart(copy[key], rest, part)
  return copy
}

const base64 = (value) => Buffer.from(write(value)).toString('base64')

const SIGNATURE = {
  task: 'hostile.next',
  args: [1],
  kwargs: { a: 1 },
  options: { task_id: 'next', queue: 'q', priority: 3 },
  subtask_type: null,
  immutable: false,
}
/** The body of a task, with everything that may follow it. */
export const BODY = [
  [1, 'two'],
  { three: 3 },
  { callbacks: [SIGNATURE], errbacks: [SIGNATURE], chain: [SIGNATURE], chord: SIGNATURE },
]
/** A task's headers, with all that the protocol and this package know. */
export const HEADERS = {
  lang: 'py',
  task: 'hostile.task',
  id: 'hostile-id',
  shadow: null,
  eta: '2020-01-01T00:00:00+00:00',
  expires: '2999-01-01T00:00:00+00:00',
  group: 'group',
  group_index: 0,
  retries: 0,
  timelimit: [60, 30],
  root_id: 'root',
  parent_id: null,
  argsrepr: '(1,)',
  kwargsrepr: '{}',
  origin: 'gen1@box',
  ignore_result: false,
  replaced_task_nesting: 0,
  stamped_headers: ['tenant'],
  stamps: { tenant: ['a'] },
  compression: null,
  redelivered: false,
  periodic_task_name: 'nightly',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'x-lovage-sent': 1,
  'x-lovage-redrives': 0,
  'x-lovage-attempts': [{ type: 'Error', message: 'm', traceback: null, atMs: 1 }],
  'x-lovage-guard': 'unique 1 2 key',
  'x-lovage-join': 'join',
  'x-lovage-route': ['', 'q', null],
  'x-lovage-redeliveries': 0,
}
/** kombu's envelope around it. */
export const ENVELOPE = {
  body: base64(BODY),
  'content-encoding': 'utf-8',
  'content-type': 'application/json',
  headers: HEADERS,
  properties: {
    correlation_id: 'hostile-id',
    reply_to: 'somebody',
    delivery_mode: 2,
    delivery_info: { exchange: '', routing_key: 'q', redelivered: false },
    priority: 0,
    expiration: '60000',
    body_encoding: 'base64',
    delivery_tag: 'tag',
  },
}
/** A request to workers. */
export const REQUEST = {
  method: 'ping',
  arguments: { task_id: ['a'], terminate: false, signal: 'SIGTERM' },
  destination: ['w@box'],
  pattern: '*',
  matcher: 'glob',
  ticket: 'ticket',
  reply_to: { exchange: 'reply.celery.pidbox', routing_key: 'nobody' },
}
/** Events of a task and of a worker, with all that either may say. */
export const EVENTS = [
  {
    type: 'task-succeeded',
    hostname: 'w@box',
    timestamp: 1,
    utcoffset: 0,
    pid: 1,
    clock: 1,
    uuid: 'hostile-id',
    name: 'hostile.task',
    args: '()',
    kwargs: '{}',
    result: "'ok'",
    runtime: 0.5,
    retries: 0,
    eta: null,
    expires: null,
    queue: 'q',
    root_id: 'root',
    parent_id: null,
    exception: "ValueError('x')",
    traceback: 'Traceback',
    terminated: false,
    signum: 9,
    requeue: false,
    percent: 5,
    exchange: '',
    routing_key: 'q',
  },
  {
    type: 'worker-heartbeat',
    hostname: 'w@box',
    timestamp: 1,
    utcoffset: 0,
    pid: 1,
    clock: 1,
    freq: 2,
    active: 0,
    processed: 0,
    loadavg: [0, 0, 0],
    sw_ident: 'py-celery',
    sw_ver: '5.6.3',
    sw_sys: 'Linux',
  },
]

/** Each part of a value in turn, left out or of each wrong type: every message that is wrong in one place. */
export function* wrongInOnePlace(value) {
  for (const path of pathsOf(value)) {
    yield write(withPart(value, path, undefined))
    for (const wrong of WRONG_VALUES) yield write(withPart(value, path, new Raw(wrong)))
  }
  yield* WRONG_VALUES
}

/** A value with one to four of its parts wrong, or torn bytes. */
function wrongText(random, value) {
  const paths = pathsOf(value)
  let wrong = value
  for (let times = 1 + Math.floor(random() * 4); times > 0; times--) {
    const path = paths[Math.floor(random() * paths.length)]
    const text = WRONG_VALUES[Math.floor(random() * WRONG_VALUES.length)]
    wrong = withPart(wrong, path, random() < 0.15 ? undefined : new Raw(text))
  }
  const text = write(wrong)
  if (random() > 0.1) return text
  const at = Math.floor(random() * text.length)
  return (
    text.slice(0, at) +
    String.fromCharCode(Math.floor(random() * 256)) +
    text.slice(at + (random() < 0.5 ? 1 : 40))
  )
}

/** Envelopes, requests and events, without end. */
export function* hostileTexts(seed) {
  const random = randomFrom(seed)
  for (let number = 0; ; number++) {
    const kind = ['envelope', 'request', 'event', 'body'][number % 4]
    if (kind === 'envelope') {
      const body = random() < 0.5 ? ENVELOPE.body : Buffer.from(wrongText(random, BODY)).toString('base64')
      yield { kind, number, text: wrongText(random, { ...ENVELOPE, body }) }
    } else if (kind === 'request') yield { kind, number, text: wrongText(random, REQUEST) }
    else if (kind === 'event')
      yield {
        kind,
        number,
        text: wrongText(random, random() < 0.2 ? EVENTS : EVENTS[number % 8 < 4 ? 0 : 1]),
      }
    else yield { kind, number, text: wrongText(random, BODY) }
  }
}

/** A message of JSON, as a broker hands it over. */
export const messageOf = (text, headers = {}) => ({
  headers,
  body: text,
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  properties: { correlationId: null, replyTo: null, deliveryMode: 2 },
  exchange: '',
  routingKey: 'q',
  redelivered: false,
})

/**
 * Messages to publish or to broadcast among honest ones, without end: tasks to `queue`, requests, events. Their headers and bodies are
 * hostile on every broker, their properties where the broker keeps kombu's envelope (`isEnvelope`).
 */
export function* hostileMessages(seed, { queue, isEnvelope = true, parse = JSON.parse }) {
  const random = randomFrom(seed)
  for (const { kind, number, text } of hostileTexts(seed)) {
    const id = `hostile-${seed}-${number}`
    if (kind === 'request')
      yield { kind, message: { ...messageOf(text), exchange: 'celery.pidbox', routingKey: '' } }
    else if (kind === 'event')
      yield {
        kind,
        message: {
          ...messageOf(text, { hostname: 'w@box' }),
          exchange: 'celeryev',
          routingKey: 'task.multi',
        },
      }
    else if (kind === 'body')
      yield { kind, message: { ...messageOf(text, { ...HEADERS, id, eta: null }), routingKey: queue } }
    else {
      const read = readable(parse, text)
      const headers = isRecord(read?.headers) ? read.headers : {}
      const message = {
        ...messageOf(write(BODY), { ...headers, ...(random() < 0.5 ? { id } : {}) }),
        routingKey: queue,
      }
      const {
        correlation_id: correlationId = null,
        reply_to: replyTo = null,
        expiration,
      } = read?.properties ?? {}
      const properties = {
        ...message.properties,
        correlationId,
        replyTo,
        ...(expiration ? { expiration } : {}),
      }
      yield { kind, message: isEnvelope ? { ...message, properties } : message }
    }
  }
}

const isRecord = (value) =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

function readable(parse, text) {
  try {
    const value = parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    // Not every text can be read; those that cannot are the decoders' part.
    return undefined
  }
}

/**
 * Lets every reader have `count` hostile texts; throws, with the seed, where one throws. `rooms` are the doors of the package's rooms cluster,
 * envelope, events and message. Gives how many were refused and how many were taken.
 */
export function fuzzReaders({ seed, count, rooms }) {
  const tally = { refused: 0, taken: 0 }
  const note = (value) => {
    if (value instanceof Error && value.name !== 'MessageError') throw value
    tally[value instanceof Error ? 'refused' : 'taken']++
    return value
  }
  for (const { kind, number, text } of hostileTexts(seed)) {
    if (number >= count) return tally
    try {
      readAsEverything(rooms, kind, text, note)
    } catch (cause) {
      throw new Error(`seed ${seed}, number ${number}: ${text.slice(0, 2000)}`, { cause })
    }
  }
  return tally
}

/** What a worker, a monitor and an operator do with what has come. */
export function readAsEverything(rooms, kind, text, note) {
  const { decodeEnvelope, decodeTask, decodeControlRequest, decodeControlReply, isMeant, decodeEvents } =
    rooms
  const { attemptsOf, redrivesOf, customHeaders, encodeEnvelope, markRedelivered, withEta, ClusterState } =
    rooms
  const asTask = (message) => {
    const task = note(decodeTask(message, { integers: 'bigint' }))
    if (!(task instanceof Error)) {
      attemptsOf(task.headers)
      redrivesOf(task.headers)
      customHeaders(task.headers)
    }
  }
  if (kind === 'envelope') {
    const message = note(decodeEnvelope(text, (wire) => wire))
    markRedelivered(text)
    withEta(text, 0)
    if (message instanceof Error) return
    asTask(message)
    // Whatever was read can be written again: retries, letters and moves do that.
    const again = decodeEnvelope(
      encodeEnvelope(message, (priority) => priority ?? 0, 'again'),
      (wire) => wire,
    )
    if (again instanceof Error) throw again
  } else if (kind === 'request') {
    const request = note(decodeControlRequest(messageOf(text)))
    if (!(request instanceof Error)) isMeant(request, 'w@box')
    note(decodeControlReply(messageOf(text, { ticket: 't' })))
  } else if (kind === 'event') {
    const events = note(decodeEvents(messageOf(text)))
    if (events instanceof Error) return
    const state = new ClusterState()
    for (const event of events) state.add(event, 1000)
    state.workers(2000)
    state.tasks()
    state.counts()
  } else asTask(messageOf(text, HEADERS))
}
