import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './server-process.js'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/**
 * Writes, valid for two days: `ca.crt`, the authority; `server.crt` and `server.key` for 127.0.0.1 and localhost; `client.crt` and
 * `client.key` of the user `lovage`; `stranger.crt` and `stranger.key`, for whom nobody vouches.
 */
export async function makeCertificates(folder: string): Promise<void> {
  await writeFile(join(folder, 'server.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  await writeFile(join(folder, 'client.cnf'), 'extendedKeyUsage=clientAuth\n')
  await selfSign(folder, 'ca', 'lovage test authority')
  await selfSign(folder, 'stranger', 'lovage')
  await sign(folder, 'server', 'localhost')
  await sign(folder, 'client', 'lovage')
}

async function selfSign(folder: string, name: string, subject: string): Promise<void> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`]
  await openssl(folder, ['req', '-x509', ...KEY, '-days', '2', '-subj', `/CN=${subject}`, ...files])
}

async function sign(folder: string, name: string, subject: string): Promise<void> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
  await openssl(folder, ['req', ...KEY, '-subj', `/CN=${subject}`, ...files])
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial']
  const from = ['-in', `${name}.csr`, '-extfile', `${name}.cnf`, '-out', `${name}.crt`]
  await openssl(folder, ['x509', '-req', ...authority, '-days', '2', ...from])
}

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args, { cwd: folder })
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`)
}
