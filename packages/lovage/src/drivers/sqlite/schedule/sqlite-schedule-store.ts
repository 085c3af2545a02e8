import {
  type Advance,
  decodeDefinition,
  type Entry,
  type EntryDefinition,
  type EntryPut,
  encodeDefinition,
  type ScheduleStore,
} from '../../../schedule-store/index.js'
import { openSqliteFile } from '../file/index.js'
import type program from './program.js'
import type { EntryRow } from './program.js'
import { TOPIC } from './topic.js'

/**
 * Opens the entries of the app `space` in the SQLite file that a `sqlite://` URL names. `isolated` gives it a thread
 * of its own, as if it were another process.
 *
 * @throws ConfigurationError for an invalid URL; ConnectionError LVG_STORE_… when the file cannot be used.
 */
export async function openSqliteScheduleStore(
  url: string,
  space: string,
  options: { readonly isolated?: boolean } = {},
): Promise<ScheduleStore> {
  const file = await openSqliteFile(url, options)
  const { call } = await file.load<typeof program>(new URL('./program.js', import.meta.url))
  const isChanged = (changes: number): boolean => changes > 0
  return {
    kind: 'sqlite',
    location: `sqlite://${file.path}`,
    load: async () => (await call('load', space)).map(entryOf),
    put: async (puts) =>
      (
        await call(
          'put',
          puts.map((put) =>
            put.entry.revision === 0
              ? { kind: 'add', parameters: addParameters(space, put) }
              : { kind: 'change', parameters: changeParameters(space, put) },
          ),
        )
      ).map(isChanged),
    delete: async (entries) => {
      const gone = await call(
        'delete',
        entries.map(({ name, revision }) => [space, name, revision]),
      )
      return gone.filter(isChanged).length
    },
    async advance(advances, token) {
      const changes = await call('advance', {
        space,
        token: token === undefined ? null : String(token).padStart(20, '0'),
        advances: advances.map((advance) => advanceParameters(space, advance)),
      })
      return changes
        ? { fenced: false, written: changes.map(isChanged) }
        : { fenced: true, written: advances.map(() => false) }
    },
    watch: (on) => file.watch(TOPIC, on),
    close: () => file.close(),
  }
}

const encodeCode = (code: EntryDefinition | null): string | null =>
  code === null ? null : encodeDefinition(code)

function addParameters(space: string, { entry, restartMs }: EntryPut): EntryRow {
  const { state } = entry
  return [
    space,
    entry.name,
    1,
    encodeDefinition(entry.definition),
    encodeCode(entry.code),
    JSON.stringify(entry.changed),
    Number(entry.removed),
    restartMs ?? state.anchorMs,
    restartMs ?? state.cursorMs,
    state.lastTickMs,
    state.lastRunMs,
    state.lastTaskId,
    state.totalRunCount,
  ]
}

const changeParameters = (space: string, { entry, restartMs }: EntryPut): EntryRow => [
  entry.name,
  entry.revision,
  encodeDefinition(entry.definition),
  encodeCode(entry.code),
  JSON.stringify(entry.changed),
  Number(entry.removed),
  restartMs ?? null,
  space,
]

const advanceParameters = (
  space: string,
  { name, fromCursorMs, cursorMs, anchorMs, run }: Advance,
): EntryRow => [
  space,
  name,
  fromCursorMs,
  cursorMs,
  anchorMs,
  run?.tickMs ?? null,
  run?.atMs ?? null,
  run?.taskId ?? null,
  run?.count ?? 0,
]

function entryOf(row: EntryRow): Entry {
  const [
    ,
    name,
    revision,
    definition,
    code,
    changed,
    removed,
    anchorMs,
    cursorMs,
    tickMs,
    runMs,
    taskId,
    count,
  ] =
    // The columns of the table in their order, which only the functions above write.
    row as unknown as [
      space: string,
      name: string,
      revision: number,
      definition: string,
      code: string | null,
      changed: string,
      removed: number,
      anchorMs: number,
      cursorMs: number,
      tickMs: number | null,
      runMs: number | null,
      taskId: string | null,
      count: number,
    ]
  return {
    name,
    definition: decodeDefinition(definition),
    code: code === null ? null : decodeDefinition(code),
    changed: JSON.parse(changed),
    removed: removed === 1,
    revision,
    state: {
      anchorMs,
      cursorMs,
      lastTickMs: tickMs,
      lastRunMs: runMs,
      lastTaskId: taskId,
      totalRunCount: count,
    },
  }
}
