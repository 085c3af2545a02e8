import type {
  Mark,
  MarkReplacement,
  RateRequest,
  SlotRequest,
  TurnRequest,
} from '../../../coordination/index.js'
import { takeTurn, tryTurns } from '../../shared/index.js'
import { defineProgram, readSql } from '../file/index.js'

const sql = readSql(new URL('./coordination.sql', import.meta.url), [
  'findLease',
  'nextToken',
  'lastToken',
  'putLease',
  'dropLease',
  'findTurn',
  'putTurn',
  'dropSlots',
  'countOthers',
  'putSlot',
  'dropSlot',
  'dropMarks',
  'findMark',
  'listMarks',
  'putMark',
  'dropMark',
  'addChange',
  'dropChanges',
  'firstChange',
  'lastChange',
  'changesSince',
])

/** A follower that has not polled for this long reads everything. */
const CHANGES_KEPT_MS = 60_000

type MarkRow = readonly [key: string, value: string, expiresMs: number | null]

/** Passed to every procedure, because the thread does not have the app's clock. */
interface Timed {
  readonly nowMs: number
}

/** The coordination store's share of a SQLite file. */
export default defineProgram({
  name: 'coordination',
  migrations: [new URL('./schema-1.sql', import.meta.url), new URL('./schema-2.sql', import.meta.url)],
  open(connection, host) {
    const on = Object.fromEntries(
      Object.entries(sql).map(([name, text]) => [name, connection.prepare(text)]),
    ) as Record<keyof typeof sql, ReturnType<typeof connection.prepare>>
    const toMark = ([key, value, expiresMs]: MarkRow): Mark => ({
      key,
      value,
      ...(expiresMs === null ? {} : { expiresMs }),
    })
    const changed = (space: string, keys: readonly string[]): void => {
      if (keys.length === 0) return
      const nowMs = Date.now()
      on.dropChanges.run([nowMs - CHANGES_KEPT_MS])
      for (const key of keys) on.addChange.run([space, key, nowMs])
      host.touch(`marks:${space}`)
    }
    return {
      writes: {
        acquire({
          name,
          holder,
          ttlMs,
          nowMs,
        }: Timed & { name: string; holder: string; ttlMs: number }):
          | { token: number; expiresMs: number }
          | undefined {
          const current = on.findLease.get<[string, number, number]>([name])
          const isLiving = current !== undefined && current[2] > nowMs
          if (isLiving && current[0] !== holder) return undefined
          if (!isLiving) on.nextToken.run([Math.floor(nowMs)])
          const token = isLiving ? current[1] : (on.lastToken.get<[number]>([])?.[0] ?? 0)
          const expiresMs = nowMs + ttlMs
          on.putLease.run([name, holder, token, expiresMs])
          return { token, expiresMs }
        },
        release: ({ name, token }: { name: string; token: number }): number =>
          on.dropLease.run([name, token]),
        takeTurns: ({ requests, nowMs }: Timed & { requests: readonly RateRequest[] }): number[] =>
          requests.map(({ key, intervalMs, burst }) => {
            const turn = takeTurn(on.findTurn.get<[number]>([key])?.[0], nowMs, intervalMs, burst)
            on.putTurn.run([key, turn.nextMs])
            return turn.atMs
          }),
        tryTurns({
          groups,
          nowMs,
        }: Timed & { groups: readonly (readonly TurnRequest[])[] }): (readonly number[])[] {
          const before = new Map(
            groups.flatMap((group) =>
              group.map(({ key }) => [key, on.findTurn.get<[number]>([key])?.[0] ?? 0] as const),
            ),
          )
          const next = new Map(before)
          const waits = groups.map((group) => tryTurns(group, next, nowMs))
          for (const [key, nextMs] of next) if (nextMs !== before.get(key)) on.putTurn.run([key, nextMs])
          return waits
        },
        enter: ({ requests, nowMs }: Timed & { requests: readonly SlotRequest[] }): boolean[] =>
          requests.map(({ key, member, limit, ttlMs }) => {
            on.dropSlots.run([key, nowMs])
            if ((on.countOthers.get<[number]>([key, member])?.[0] ?? 0) >= limit) return false
            on.putSlot.run([key, member, nowMs + ttlMs])
            return true
          }),
        leave(places: readonly { key: string; member: string }[]): void {
          for (const { key, member } of places) on.dropSlot.run([key, member])
        },
        put({
          space,
          marks,
          ifAbsent,
          nowMs,
        }: Timed & { space: string; marks: readonly Mark[]; ifAbsent: boolean }): Mark[] {
          on.dropMarks.run([space, nowMs])
          const set: string[] = []
          const standing = marks.map((mark) => {
            const present = ifAbsent ? on.findMark.get<[...MarkRow]>([space, mark.key, nowMs]) : undefined
            if (present) return toMark(present)
            on.putMark.run([space, mark.key, mark.value, mark.expiresMs ?? null])
            set.push(mark.key)
            return mark
          })
          changed(space, set)
          return standing
        },
        replace({
          space,
          replacements,
          nowMs,
        }: Timed & { space: string; replacements: readonly MarkReplacement[] }): boolean[] {
          const done = replacements.map(({ was, mark }) => {
            if (on.findMark.get<[...MarkRow]>([space, mark.key, nowMs])?.[1] !== was) return false
            on.putMark.run([space, mark.key, mark.value, mark.expiresMs ?? null])
            return true
          })
          changed(
            space,
            replacements.flatMap(({ mark }, index) => (done[index] ? [mark.key] : [])),
          )
          return done
        },
        remove({
          space,
          marks,
        }: {
          space: string
          marks: readonly { key: string; value?: string }[]
        }): number {
          const removed = marks.filter(({ key, value }) => on.dropMark.run([space, key, value ?? null]) > 0)
          changed(
            space,
            removed.map(({ key }) => key),
          )
          return removed.length
        },
      },
      reads: {
        /** The keys that changed after change number `since`; none when that is no longer known. */
        changes({ space, since }: { space: string; since: number }): {
          last: number
          keys: readonly string[] | undefined
        } {
          const last = on.lastChange.get<[number | null]>([])?.[0] ?? 0
          const first = on.firstChange.get<[number | null]>([])?.[0] ?? 0
          if (since + 1 < first) return { last, keys: undefined }
          return { last, keys: on.changesSince.all<[string]>([since, space]).map(([key]) => key) }
        },
        list: ({
          space,
          keys,
          nowMs,
        }: Timed & { space: string; keys: readonly string[] | undefined }): Mark[] =>
          keys
            ? keys.flatMap((key) => on.findMark.all<[...MarkRow]>([space, key, nowMs]).map(toMark))
            : on.listMarks.all<[...MarkRow]>([space, nowMs]).map(toMark),
      },
    }
  },
})
