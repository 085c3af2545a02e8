import { access, constants, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ConnectionError } from '../../../kernel/index.js'

/** File systems whose locks or shared memory do not work between processes; SQLite's WAL needs both. */
const NETWORK =
  /^(nfs\d?|cifs|smb\d?|smbfs|afs|ceph|lustre|gpfs|beegfs|ocfs2|gfs2?|coda|ncpfs?|9p|davfs2?|fuse\.(sshfs|glusterfs|s3fs|rclone|cephfs|davfs2?|mfs|juicefs|gcsfuse|goofys))$/

/**
 * Checks that `path` can hold a shared SQLite file; returns its real path, by which processes recognise
 * that they mean the same file.
 *
 * @throws ConnectionError LVG_STORE_MISSING, LVG_STORE_READ_ONLY or LVG_STORE_UNSUITABLE.
 */
export async function suitableFile(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch((cause: unknown) => {
    throw new ConnectionError(`The folder of ${path} does not exist`, {
      code: 'LVG_STORE_MISSING',
      details: { path },
      cause,
    })
  })
  const type = networkFileSystem(folder, await readFile('/proc/self/mounts', 'utf8').catch(() => ''))
  if (type !== undefined)
    throw new ConnectionError(`${path} is on a network file system (${type})`, {
      code: 'LVG_STORE_UNSUITABLE',
      details: { path, fileSystem: type },
    })
  const file = await realpath(path).catch(() => join(folder, basename(path)))
  const found = await stat(file).catch(() => undefined)
  if (found?.isDirectory())
    throw new ConnectionError(`${file} is a folder, not a SQLite file`, {
      code: 'LVG_STORE_UNSUITABLE',
      details: { path: file },
      hint: 'Name a file in the folder.',
    })
  // The folder must be writable too: SQLite creates its log and its shared memory next to the file.
  for (const needed of found ? [folder, file] : [folder])
    await access(needed, constants.R_OK | constants.W_OK).catch((cause: unknown) => {
      throw new ConnectionError(`${needed} cannot be written by this user`, {
        code: 'LVG_STORE_READ_ONLY',
        details: { path: file, needed },
        cause,
      })
    })
  return file
}

/** The type of the network file system that contains `folder`, from a table in the format of /proc/self/mounts. */
export function networkFileSystem(folder: string, mounts: string): string | undefined {
  if (/^\\\\[^?.]/.test(folder)) return 'UNC path'
  let best: { point: string; type: string } | undefined
  for (const line of mounts.split('\n')) {
    const [, escaped, type] = line.split(' ')
    if (escaped === undefined || type === undefined) continue
    const point = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    const covers = folder === point || folder.startsWith(point.endsWith('/') ? point : `${point}/`)
    // Later lines are mounted over earlier ones.
    if (covers && (!best || point.length >= best.point.length)) best = { point, type }
  }
  return best && NETWORK.test(best.type) ? best.type : undefined
}
