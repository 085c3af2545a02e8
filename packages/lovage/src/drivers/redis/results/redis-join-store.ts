import { isLovageError, ResultError } from '../../../kernel/index.js'
import { decodeJson, encodeJson, type ReadOptions } from '../../../message/index.js'
import {
  type CompletedJoin,
  type HoldOptions,
  type Join,
  type JoinPart,
  type JoinStore,
  leavesOf,
  READY_STATES,
  type ResultTuple,
  readTuple,
  type TaskResult,
} from '../../../result/index.js'
import { completedJoin, DUE_LIMIT, HOLD_MS } from '../../shared/index.js'
import { defineScript, type RedisConnection } from '../client/index.js'

const lua = (name: string): URL => new URL(`./lua/${name}.lua`, import.meta.url)
const JOIN = lua('join')
const KEYS = ['parts', 'extra', 'size', 'join', 'owed', 'group'] as const
type JoinKeys = [parts: string, extra: string, size: string, join: string, owed: string, group: string]
/** Body, shape (null when Python opened it), '1' when it has expired, and alternating members and scores. */
type JoinReply = [body: string, shape: string | null, expired: string, parts: string[]] | null

const OPEN = defineScript<JoinKeys, (string | number)[], JoinReply>({
  file: lua('open-join'),
  uses: [JOIN],
  keys: KEYS,
  args: ['id', 'members', 'body', 'shape', 'deadlineMs', 'holdMs', 'ttlMs'],
})
const ARRIVE = defineScript<JoinKeys, (string | number)[], JoinReply>({
  file: lua('arrive'),
  uses: [JOIN],
  keys: KEYS,
  args: ['id', 'taskId', 'index', 'start', 'member', 'body', 'holdMs', 'ttlMs'],
})
const EXTEND = defineScript<
  [parts: string, extra: string, size: string, join: string],
  (string | number)[],
  0 | 1
>({ file: lua('extend-join'), keys: KEYS.slice(0, 4), args: ['ttlMs', 'taskIds…'] })
const TAKE_OWED = defineScript<JoinKeys, (string | number)[], JoinReply>({
  file: lua('take-owed'),
  uses: [JOIN],
  keys: KEYS,
  args: ['id', 'holdMs'],
})
const FINISH = defineScript<JoinKeys, (string | number)[], 1>({
  file: lua('finish-join'),
  keys: KEYS,
  args: ['id', 'ttlMs'],
})

/** Joins expire even if results never do. */
const FOR_EVER_MS = 86_400_000

/**
 * Joins in Celery's own keys (`celery-taskset-meta-<id>.j`, `.t`, `.s`), so that members in Python and in TypeScript
 * count together; fields that Celery lacks (body, deadline, the completing task) are stored beside them under `lovage:join:`.
 */
export class RedisJoinStore implements JoinStore {
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #ttlMs: number
  readonly #read: ReadOptions
  readonly #resultsOf: (ids: readonly string[]) => Promise<readonly TaskResult[]>

  /** @param prefix Prepended to every key. @param ttlS Life of results in seconds; 0 = forever. */
  constructor(
    connection: RedisConnection,
    prefix: string,
    ttlS: number,
    {
      read,
      resultsOf,
    }: {
      readonly read: ReadOptions
      readonly resultsOf: (ids: readonly string[]) => Promise<readonly TaskResult[]>
    },
  ) {
    this.#read = read
    this.#resultsOf = resultsOf
    this.#connection = connection
    this.#prefix = prefix
    this.#ttlMs = ttlS > 0 ? ttlS * 1000 : FOR_EVER_MS
  }

  open(joins: readonly Join[], { holdMs = HOLD_MS }: HoldOptions = {}): Promise<readonly CompletedJoin[]> {
    return this.#each(joins, async ({ id, size, body, shape, deadlineMs }) => {
      const words = [
        id,
        size ?? '',
        body,
        shape ? JSON.stringify(shape) : '',
        deadlineMs,
        holdMs,
        this.#ttlMs,
      ]
      // Where Celery keeps the shape of a header, in case a member in Python is the last.
      const [completed] = await Promise.all([
        OPEN.run(this.#connection, this.#keys(id), words),
        shape && this.saveGroup(shape),
      ])
      return this.#readJoin(id, completed)
    })
  }

  async extend(id: string, taskIds: readonly string[]): Promise<boolean> {
    const [parts, extra, size, join] = this.#keys(id)
    return (await EXTEND.run(this.#connection, [parts, extra, size, join], [this.#ttlMs, ...taskIds])) === 1
  }

  async arrive(
    parts: readonly JoinPart[],
    { holdMs = HOLD_MS }: HoldOptions = {},
  ): Promise<readonly CompletedJoin[]> {
    const completed = await this.#each(
      parts,
      async ({ joinId, taskId, index, state, resultJson, body = '' }) => {
        // Python's spacing, so that a repetition of the member by Python is the same member.
        const start = `[1, ${JSON.stringify(taskId)}, `
        const member = `${start}${JSON.stringify(state)}, ${resultJson}]`
        const words = [joinId, taskId, index ?? '+inf', start, member, body, holdMs, this.#ttlMs]
        return this.#readJoin(joinId, await ARRIVE.run(this.#connection, this.#keys(joinId), words))
      },
    )
    return [...new Map(completed.map((join) => [join.id, join])).values()]
  }

  async due({
    holdMs = HOLD_MS,
    limit = DUE_LIMIT,
  }: HoldOptions & { readonly limit?: number } = {}): Promise<readonly CompletedJoin[]> {
    // Nearly always there is none.
    if ((await this.#connection.command<number>('exists', this.#owed)) === 0) return []
    const now = await this.#connection.command<[string, string]>('time')
    const nowMs = Number(now[0]) * 1000 + Math.floor(Number(now[1]) / 1000)
    const ids = await this.#connection.command<string[]>(
      'zrangebyscore',
      this.#owed,
      '-inf',
      nowMs,
      'limit',
      0,
      limit,
    )
    return this.#each(ids, async (id) =>
      this.#readJoin(id, await TAKE_OWED.run(this.#connection, this.#keys(id), [id, holdMs])),
    )
  }

  async finish(ids: readonly string[]): Promise<void> {
    await this.#each(ids, async (id) => {
      await FINISH.run(this.#connection, this.#keys(id), [id, this.#ttlMs])
      return undefined
    })
  }

  async saveGroup(group: ResultTuple): Promise<void> {
    const key = this.#group(group[0][0])
    await this.#connection.command('set', key, encodeJson({ result: group }), 'PX', this.#ttlMs)
  }

  async group(id: string): Promise<ResultTuple | undefined> {
    const json = await this.#connection.command<string | null>('get', this.#group(id))
    if (json === null) return undefined
    try {
      const { result } = decodeJson(json) as { readonly result?: unknown }
      // Nested pairs, as Celery and we write them; the code that walks them checks each.
      if (Array.isArray(result)) return result as unknown as ResultTuple
    } catch (cause) {
      throw unreadable(id, cause)
    }
    throw unreadable(id, undefined)
  }

  async forgetGroup(id: string): Promise<void> {
    await this.#connection.command('del', this.#group(id))
  }

  get #owed(): string {
    return `${this.#prefix}lovage:joins`
  }
  #group(id: string): string {
    return `${this.#prefix}celery-taskset-meta-${id}`
  }
  #keys(id: string): JoinKeys {
    const group = this.#group(id)
    return [`${group}.j`, `${group}.t`, `${group}.s`, `${this.#prefix}lovage:join:${id}`, this.#owed, group]
  }

  async #readJoin(id: string, reply: JoinReply): Promise<CompletedJoin | undefined> {
    if (!reply) return undefined
    const [body, shape, expired, members] = reply
    // Ours was written by `open`; Python keeps the shape of a header that has groups in it as a saved group.
    const kept = shape
      ? (JSON.parse(shape) as ResultTuple)
      : shape === null
        ? await this.#shapeByPython(id)
        : undefined
    const parts: Omit<JoinPart, 'joinId'>[] = []
    for (let at = 0; at + 1 < members.length; at += 2) {
      const [member = '', score = ''] = members.slice(at, at + 2)
      parts.push(readMember(member, score))
    }
    const isExpired = expired === '1'
    const join = completedJoin({ id, body, ...(kept ? { shape: kept } : {}) }, parts, isExpired, this.#read)
    return shape === null && kept && !isExpired ? this.#withRest(join, kept) : join
  }

  /** A join that Python opened, with members that Celery did not count, such as a failed chord; undefined while one of them goes on. */
  async #withRest(join: CompletedJoin, shape: ResultTuple): Promise<CompletedJoin | undefined> {
    const arrived = new Set(join.parts.map(({ taskId }) => taskId))
    const missing = leavesOf(shape).filter((id) => !arrived.has(id))
    if (missing.length === 0) return join
    const ended = (await this.#resultsOf(missing)).filter(({ state }) => READY_STATES.has(state))
    if (ended.length < missing.length) return undefined
    const rest = ended.map(({ id, state, result }) => ({ taskId: id, index: null, state, result }))
    return { ...join, parts: [...join.parts, ...rest] }
  }

  /** An unreadable shape loses the nesting of a list, not the chord. */
  async #shapeByPython(id: string): Promise<ResultTuple | undefined> {
    try {
      return readTuple(await this.group(id))
    } catch (error) {
      if (isLovageError(error) && error.code === 'LVG_RESULT_UNREADABLE') return undefined
      throw error
    }
  }

  /** One atomic step each, all in one round trip. */
  async #each<Item>(
    items: readonly Item[],
    step: (item: Item) => Promise<CompletedJoin | undefined>,
  ): Promise<readonly CompletedJoin[]> {
    const done = await this.#connection.together(() => Promise.all(items.map(step)))
    return done.filter((join) => join !== undefined)
  }
}

/** `[1, "<task id>", "<state>", <result>]`, by Python or by us. */
function readMember(member: string, score: string): Omit<JoinPart, 'joinId'> {
  const index = score === 'inf' ? null : Number(score)
  const [head = '', taskId = '', state = ''] = /^\[\d+,\s*"([^"]*)",\s*"([^"]*)",\s*/.exec(member) ?? []
  return { taskId, index, state, resultJson: head ? member.slice(head.length, -1) : 'null' }
}

const unreadable = (id: string, cause: unknown): ResultError =>
  new ResultError(`The stored group ${id} cannot be read`, {
    code: 'LVG_RESULT_UNREADABLE',
    details: { id },
    cause,
  })
