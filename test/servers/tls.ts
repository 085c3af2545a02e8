import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './server-process.js'

/** Writes `ca.crt`, `server.crt` and `server.key` for 127.0.0.1 and localhost, valid for two days, into a folder. */
export async function makeCertificates(folder: string): Promise<void> {
  await writeFile(join(folder, 'san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await openssl(folder, ['req', '-x509', ...key, '-days', '2', '-subj', '/CN=lovage test authority',
    '-keyout', 'ca.key', '-out', 'ca.crt']) // biome-ignore format: a command reads best on its own lines
  await openssl(folder, [
    'req',
    ...key,
    '-subj',
    '/CN=localhost',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  ])
  await openssl(folder, [
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'san.cnf',
    '-out',
    'server.crt',
  ])
}

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args, { cwd: folder })
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`)
}
