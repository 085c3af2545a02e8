import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setting } from '../core/config.js'
import { Refused } from '../core/errors.js'

/** What a file of a user is: as uploaded, cleaned, or an export. */
export type Part = 'upload' | 'cleaned.csv' | 'export.csv' | 'export.json' | 'export.xlsx'

/** Files that are being written end so; a rename makes them real. */
const UNFINISHED = '.part'

/** Where a file of a user lies. Each user has a folder; ids are made by us and hold no path. */
export function pathOf(userId: number, fileId: string, part: Part): string {
  if (!/^[\w-]+$/.test(fileId)) throw new Refused(`${JSON.stringify(fileId)} is not the id of a file.`)
  return join(setting('UPLOAD_DIR'), String(userId), `${fileId}.${part}`)
}

/** Keeps an upload, all of it or nothing; tells how many bytes it has. */
export async function keep(path: string, body: ReadableStream<Uint8Array>): Promise<number> {
  const most = Number(setting('MAX_UPLOAD_BYTES'))
  let bytes = 0
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      done(bytes > most ? new Refused(`The file is larger than ${most} bytes.`) : null, chunk)
    },
  })
  await written(path, async (unfinished) => {
    // The DOM's type of a stream and Node's are the same thing under two names.
    const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])
    await pipeline(source, limit, createWriteStream(unfinished))
  })
  return bytes
}

/** Writes a file beside its place and puts it there when it is whole: who reads sees the old one or the new one. */
export async function written<T>(path: string, write: (unfinished: string) => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  // One name a process: a run that was thought dead may still be writing.
  const unfinished = `${path}.${process.pid}.${Math.trunc(performance.now())}${UNFINISHED}`
  try {
    const result = await write(unfinished)
    await rename(unfinished, path)
    return result
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

/** Removes what killed runs left behind, when it is so old; tells how many files. */
export async function removeUnfinished(olderThanMs: number, nowMs: number): Promise<number> {
  const root = setting('UPLOAD_DIR')
  const files = await readdir(root, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  let removed = 0
  for (const file of files.filter((each) => each.endsWith(UNFINISHED))) {
    const path = join(root, file)
    const { mtimeMs } = await stat(path)
    if (nowMs - mtimeMs < olderThanMs) continue
    await rm(path, { force: true })
    removed++
  }
  return removed
}
