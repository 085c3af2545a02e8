import { z } from 'zod'
import { app } from '../core/app.js'
import { setting } from '../core/config.js'
import { data } from '../core/data.js'
import { ownedBy, Refused } from '../core/errors.js'
import { cleanFile, exportFile } from '../data/process.js'
import { pathOf, removeUnfinished, written } from '../data/storage.js'

/** Data tasks: a disk or a database may be away for a while; a wrong file stays wrong. */
const POLICY = {
  autoretryFor: [Error],
  dontAutoretryFor: [Refused],
  throws: [Refused],
  retryBackoff: true,
  retryBackoffMax: 120,
  retryJitter: true,
  maxRetries: 3,
} as const

const FileOfUser = z.object({ user_id: z.number().int().positive(), file_id: z.string() })

/** Profiles an uploaded CSV or XLSX file and writes it anew, clean. Run twice it writes the same file twice. */
export const processFileUpload = app.task({
  ...POLICY,
  name: 'app.tasks.data_tasks.process_file_upload',
  input: FileOfUser,
  params: ['user_id', 'file_id'],
  maxRetries: 5,
  run: async (ctx, { user_id, file_id }) => {
    const db = await data()
    ownedBy(await fileOf(file_id), user_id, `file ${file_id}`)
    ctx.logger.info({ user_id, file_id }, `Task started: ${ctx.id}`)
    let telling: Promise<void> = Promise.resolve()
    try {
      const profile = await written(pathOf(user_id, file_id, 'cleaned.csv'), (unfinished) =>
        cleanFile(pathOf(user_id, file_id, 'upload'), unfinished, {
          signal: ctx.signal,
          onProgress: (rows) => {
            telling = telling.then(() => ctx.updateState('PROGRESS', { rows, user_id }))
          },
        }),
      )
      await db.query(
        `UPDATE files SET state = 'cleaned', problem = NULL, rows_in = $2, rows_out = $3, profile = $4 WHERE id = $1`,
        [file_id, profile.rowsIn, profile.rowsOut, JSON.stringify(profile)],
      )
      return { file_id, ...profile }
    } catch (error) {
      if (error instanceof Refused)
        await db.query(`UPDATE files SET state = 'refused', problem = $2 WHERE id = $1`, [
          file_id,
          error.message,
        ])
      throw error
    } finally {
      await telling
    }
  },
})

/** Writes a cleaned file as CSV, JSON or XLSX. */
export const exportData = app.task({
  ...POLICY,
  name: 'app.tasks.data_tasks.export_data',
  input: FileOfUser.extend({ format: z.enum(['csv', 'json', 'xlsx']) }),
  params: ['user_id', 'file_id', 'format'],
  run: async (ctx, { user_id, file_id, format }) => {
    const file = ownedBy(await fileOf(file_id), user_id, `file ${file_id}`)
    if (file.state !== 'cleaned')
      throw new Refused(`File ${file_id} is ${file.state}: only cleaned files are exported.`)
    const rows = await written(pathOf(user_id, file_id, `export.${format}`), (unfinished) =>
      exportFile(pathOf(user_id, file_id, 'cleaned.csv'), unfinished, format, ctx.signal),
    )
    return { file_id, format, rows }
  },
})

/** Hourly: removes what runs that were killed left half-written. */
export const cleanupTempFiles = app.task({
  ...POLICY,
  name: 'app.tasks.data_tasks.cleanup_temp_files',
  run: async () => ({
    removed: await removeUnfinished(Number(setting('TEMP_FILE_HOURS')) * 3_600_000, app.clock.now()),
  }),
})

async function fileOf(id: string) {
  const [file] = await (await data()).query<{ user_id: number; state: string }>(
    'SELECT user_id, state FROM files WHERE id = $1',
    [id],
  )
  return file
}
