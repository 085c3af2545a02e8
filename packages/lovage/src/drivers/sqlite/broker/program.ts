import type { Binding, ExchangeType } from '../../../broker/index.js'
import { crashPoint } from '../../../kernel/index.js'
import { type KeptLease, route } from '../../shared/index.js'
import { type Connection, defineProgram, type Host, readSql, type Statement } from '../file/index.js'
import letters from '../letters/program.js'
import results from '../results/program.js'
import { FEW_QUEUES, FilledQueues } from './filled-queues.js'
import { LeaseTable } from './lease-table.js'
import type { Claimed, ClaimName, ClaimRow, PublishRow, RescheduleRow, SettleRow } from './rows.js'

const sql = {
  ...readSql(new URL('./messages.sql', import.meta.url), [
    'insert',
    'claim',
    'readyQueues',
    'readyOf',
    'ack',
    'requeue',
    'postpone',
    'owns',
    'promote',
    'nextDue',
    'restore',
    'renew',
    'release',
    'held',
    'heldTasks',
    'bind',
    'bindings',
    'allBindings',
    'addQueue',
    'once',
    'dropOnce',
    'depths',
    'due',
    'queues',
    'purge',
    'browse',
    'move',
    'find',
    'remove',
    'reschedule',
  ]),
  ...readSql(new URL('./broadcasts.sql', import.meta.url), [
    'broadcast',
    'heard',
    'lastHeard',
    'forgetBroadcasts',
    'listeners',
    'listen',
    'listenNoMore',
    'forgetListeners',
  ]),
}
type Statements = Readonly<Record<keyof typeof sql, Statement>>

/** Broadcasts are for current listeners; a process that stalls this long has missed them. */
const BROADCAST_KEPT_MS = 60_000
/** Events and replies: they may be many, and are short-lived. Celery keeps events for as long. */
const TRANSIENT_KEPT_MS = 5_000

const READY = 0
const DELAYED = 1

/** The messages' share of a SQLite file. */
export default defineProgram({
  name: 'messages',
  migrations: [
    new URL('./schema-1.sql', import.meta.url),
    new URL('./schema-2.sql', import.meta.url),
    new URL('./schema-3.sql', import.meta.url),
  ],
  open(connection, host) {
    const on = prepareAll(connection)
    const publish = publisher(on, host)
    const leases = new LeaseTable(host, {
      renew: (holder, untilMs) => void on.renew.run([holder, untilMs]),
      heldTasks: (holder) => on.heldTasks.all<[string]>([holder]).map(([task]) => task),
    })
    const filled = new FilledQueues((list, names, free) => ready(on, list, names, free))
    return {
      writes: {
        declare(bindings: readonly Binding[]): void {
          for (const { exchange, type, routingKey, queue } of bindings) {
            on.bind.run([exchange, type, routingKey, queue])
            on.addQueue.run([queue])
          }
        },
        publish({ rows, nowMs }: { rows: readonly PublishRow[]; nowMs: number }): void {
          publish(rows, nowMs)
        },
        attach(lease: KeptLease): void {
          host.afterCommit(() => leases.attach(lease))
        },
        detach(holder: string): void {
          host.afterCommit(() => leases.detach(holder))
          filled.forget(holder)
          if (on.release.run([holder]) > 0) host.touch('messages')
        },
        /** Returns the indexes of the refused rows. */
        settle: ({
          holder,
          rows,
          nowMs,
        }: {
          holder: string
          rows: readonly SettleRow[]
          nowMs: number
        }): number[] =>
          rows.flatMap((row, place) => (settle(row, holder, nowMs, on, host, publish) ? [] : [place])),
        claim({
          lease,
          list,
          free,
          nowMs,
        }: {
          lease: KeptLease
          /** The queues as a JSON array: one text crosses to this thread sooner than many. */
          list: string
          free: number
          nowMs: number
        }): Claimed {
          const { holder, leaseMs } = lease
          awaken(on, host, holder, nowMs)
          leases.keep(lease)
          const leaseEndMs = Date.now() + leaseMs
          const rows = filled.claim(holder, list, free, (queue, limit) =>
            claim(on, queue, holder, leaseEndMs, limit),
          )
          return { rows, nextDueMs: on.nextDue.get<[number | null]>([])?.[0] ?? null }
        },
        purge: (queue: string): number => on.purge.run([queue]),
        move({ from, to }: { from: string; to: string }): number {
          on.addQueue.run([to])
          host.touch('messages')
          return on.move.run([from, to])
        },
        remove: (ids: readonly string[]): number => on.remove.run([JSON.stringify(ids)]),
        /** Returns how many were still there, unclaimed since they were found. */
        reschedule(rows: readonly RescheduleRow[]): number {
          host.touch('messages')
          return rows.reduce(
            (sum, { seq, claims, dueMs, raw }) => sum + on.reschedule.run([seq, claims, dueMs, raw]),
            0,
          )
        },
        broadcast({
          exchange,
          routingKey,
          raw,
          isTransient,
        }: {
          exchange: string
          routingKey: string
          raw: string
          isTransient: boolean
        }): number {
          const nowMs = Date.now()
          // A broadcast without listeners is not written.
          const [[heard] = [0]] = on.listeners.all<[number]>([exchange, nowMs])
          if (heard === 0) return 0
          on.forgetBroadcasts.run([nowMs])
          const keptMs = isTransient ? TRANSIENT_KEPT_MS : BROADCAST_KEPT_MS
          on.broadcast.run([exchange, routingKey, raw, nowMs, nowMs + keptMs])
          host.touch('broadcasts')
          return heard
        },
        listen({ id, exchange }: { id: string; exchange: string }): void {
          const nowMs = Date.now()
          on.forgetListeners.run([nowMs])
          on.listen.run([id, exchange, nowMs + BROADCAST_KEPT_MS])
        },
        listenNoMore: (id: string): number => on.listenNoMore.run([id]),
      },
      reads: {
        held(lease: KeptLease): ClaimName[] {
          leases.keep(lease)
          return on.held.all<[number, number]>([lease.holder]).map(([seq, claims]) => ({ seq, claims }))
        },
        depths: (queues: readonly string[]) =>
          on.depths.all<[queue: string, state: number, count: number]>([JSON.stringify(queues)]),
        due: ({ queues, byMs }: { queues: readonly string[]; byMs: number }) =>
          on.due.all<[queue: string, count: number]>([JSON.stringify(queues), byMs]),
        bindings: (_: undefined): Binding[] =>
          on.allBindings
            .all<[exchange: string, type: ExchangeType, routingKey: string, queue: string]>([])
            .map(([exchange, type, routingKey, queue]) => ({ exchange, type, routingKey, queue })),
        queues: (_: undefined): string[] => on.queues.all<[string]>([]).map(([name]) => name),
        browse: ({
          queue,
          state,
          limit,
          offset,
        }: {
          queue: string
          state: number | null
          limit: number
          offset: number
        }) =>
          on.browse.all<
            [
              seq: number,
              taskId: string | null,
              task: string | null,
              state: number,
              dueMs: number,
              raw: string | ArrayBuffer,
              holder: string | null,
              redeliveries: number,
            ]
          >([queue, state, limit, offset]),
        find: (ids: readonly string[]) =>
          on.find.all<
            [
              queue: string,
              seq: number,
              claims: number,
              taskId: string | null,
              task: string | null,
              state: number,
              dueMs: number,
              raw: string | ArrayBuffer,
              holder: string | null,
              redeliveries: number,
            ]
          >([JSON.stringify(ids)]),
        heard: ({ exchange, last }: { exchange: string; last: number }) =>
          on.heard.all<[id: number, routingKey: string, raw: string]>([exchange, last]),
        lastHeard: (_: undefined): number => on.lastHeard.get<[number]>([])?.[0] ?? 0,
      },
      close() {
        for (const holder of leases.holders()) {
          leases.detach(holder)
          on.release.run([holder])
        }
      },
    }
  },
})

function prepareAll(connection: Connection): Statements {
  // One entry per name, as `readSql` has checked.
  return Object.fromEntries(
    Object.entries(sql).map(([name, text]) => [name, connection.prepare(text)]),
  ) as Statements
}

/** Sweeps: delayed messages that are due, and claims of silent holders. A live holder renews its own claims. */
function awaken(on: Statements, host: Host, holder: string, nowMs: number): void {
  const promoted = on.promote.run([nowMs])
  if (promoted > 0) crashPoint('promote:after')
  const restored = on.restore.run([Date.now(), holder])
  if (restored > 0) crashPoint('restore:after')
  if (promoted + restored > 0) host.touch('messages')
}

/** Those of the queues that have messages, in their order; of many, as many as could fill a claim. */
function ready(on: Statements, list: string, names: readonly string[], free: number): readonly string[] {
  // Costs what there is, not what could be: nearly all queues of an idle worker are empty.
  const found = on.readyQueues.all<[string]>([FEW_QUEUES]).map(([queue]) => queue)
  if (found.length === 0) return []
  if (found.length < FEW_QUEUES) return names.filter((queue) => found.includes(queue))
  return on.readyOf.all<[string]>([list, free]).map(([queue]) => queue)
}

function claim(on: Statements, queue: string, holder: string, leaseEndMs: number, limit: number): ClaimRow[] {
  const rows = on.claim.all<
    [
      seq: number,
      claims: number,
      redeliveries: number,
      raw: string | ArrayBuffer,
      level: number,
      place: number,
      dueMs: number,
    ]
  >([queue, holder, leaseEndMs, limit])
  // An UPDATE returns its rows in no particular order.
  rows.sort((a, b) => a[4] - b[4] || a[5] - b[5] || a[6] - b[6] || a[0] - b[0])
  return rows.map(([seq, claims, redeliveries, raw]) => ({ seq, claims, redeliveries, raw, queue }))
}

function publisher(on: Statements, host: Host) {
  const bindingsOf = (exchange: string): readonly Binding[] =>
    on.bindings
      .all<[ExchangeType, string, string]>([exchange])
      .map(([type, routingKey, queue]) => ({ exchange, type, routingKey, queue }))
  const known = new Set<string>()
  return (rows: readonly PublishRow[], nowMs: number): void => {
    if (rows.length === 0) return
    // All or nothing: every message is routed before the first is taken.
    const routes = rows.map((row) => route(row, bindingsOf))
    rows.forEach((row, index) => {
      if (row.once && !isFirst(on, row.once, nowMs)) return
      const state = row.dueMs > nowMs ? DELAYED : READY
      for (const queue of routes[index] ?? []) {
        if (!known.has(queue)) {
          on.addQueue.run([queue])
          host.afterCommit(() => known.add(queue))
        }
        on.insert.run([queue, row.level, row.dueMs, state, row.taskId, row.task, row.raw])
      }
    })
    host.touch('messages')
  }
}

function isFirst(
  on: Statements,
  { key, ttlMs }: { readonly key: string; readonly ttlMs: number },
  nowMs: number,
): boolean {
  on.dropOnce.run([nowMs])
  return on.once.run([key, nowMs + ttlMs, nowMs]) > 0
}

/** Ends a claim with everything that belongs to it; false when it is no longer the holder's, and then nothing has changed. */
function settle(
  row: SettleRow,
  holder: string,
  nowMs: number,
  on: Statements,
  host: Host,
  publish: (rows: readonly PublishRow[], nowMs: number) => void,
): boolean {
  const claimed = [row.seq, row.claims, holder] as const
  if (row.publish.length > 0) {
    // Published first, because a continuation without a queue is refused, and that must not cost the message.
    if (!on.owns.get(claimed)) return false
    publish(row.publish, nowMs)
  }
  switch (row.kind) {
    case 'requeue':
      host.touch('messages')
      return on.requeue.run([...claimed, row.counts ? 1 : 0]) > 0
    case 'postpone':
      crashPoint('postpone:before')
      host.touch('messages')
      return on.postpone.run([...claimed, row.untilMs]) > 0
    case 'ack':
    case 'dead-letter': {
      if (on.ack.run(claimed) === 0) return false
      // The table belongs to the letters' program, the results to theirs; both write in this transaction.
      if (row.kind === 'dead-letter') host.use(letters).add([row.letter])
      if (row.results.length > 0) host.use(results).store(row.results)
      return true
    }
  }
}
