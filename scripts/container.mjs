/**
 * `npm run container [-- SYSTEM]`: builds the image of a system as deploy/container/Containerfile says, from packed releases, and tries it:
 * its worker, as the image's user on a read-only root, answers a ping. It needs no daemon: Buildah builds, a chroot in namespaces of its own
 * runs. The image of Node is made of this machine's Node, not downloaded; packages are.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withRedis } from '../bench/redis-server.mjs'
import { SYSTEMS } from '../deploy/make/systems.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NODE_IMAGE = 'docker.io/library/node:22-bookworm-slim'
const BUILD_MS = 300_000
const READY_MS = 60_000

const system = SYSTEMS.find(({ name }) => name === (process.argv[2] ?? 'monitoring'))
if (!system) fail(64, `There is no such system; there are ${SYSTEMS.map(({ name }) => name).join(', ')}.`)
const lacking = ['buildah', 'unshare', 'redis-server'].filter(
  (program) => spawnSync(program, ['--version']).error,
)
if (process.getuid?.() !== 0) fail(0, 'Skipped: only root can build without a daemon.')
if (lacking.length > 0) fail(0, `Skipped: ${lacking.join(', ')} is not installed.`)

const folder = mkdtempSync(join(tmpdir(), 'lovage-container-'))
const at = (...path) => join(folder, ...path)
const buildah = (...words) =>
  execFileSync(
    'buildah',
    ['--root', at('store'), '--runroot', at('run'), '--storage-driver', 'vfs', ...words],
    { encoding: 'utf8', timeout: BUILD_MS, stdio: ['ignore', 'pipe', 'inherit'] },
  ).trim()
try {
  makeNodeImage()
  build()
  await tryWorker()
  console.log(`${system.name}: built, and its worker answers as ${userOf()} on a read-only root.`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)

/** A root with Node, npm, a shell and the few programs that the build calls. */
function makeNodeImage() {
  const root = at('root')
  const put = (from, to = from) => {
    mkdirSync(dirname(root + to), { recursive: true })
    cpSync(realpathSync(from), root + to, { recursive: true })
  }
  const linked = (program) =>
    [...(spawnSync('ldd', [program], { encoding: 'utf8' }).stdout ?? '').matchAll(/\/\S+/g)].map(
      ([path]) => path,
    )
  const programs = { node: '/usr/local/bin/node', sh: '/bin/sh', env: '/usr/bin/env', rm: '/bin/rm' }
  const libraries = new Set()
  for (const [name, to] of Object.entries(programs)) {
    const from =
      name === 'node' ? process.execPath : execFileSync('which', [name], { encoding: 'utf8' }).trim()
    put(from, to)
    for (const library of linked(from)) libraries.add(library)
  }
  const libc = [...libraries].find((path) => path.includes('/libc.so'))
  // What names are looked up with, and what native modules may want: parts of the C library.
  for (const part of ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2', 'librt.so.1'])
    if (existsSync(join(dirname(libc), part))) libraries.add(join(dirname(libc), part))
  for (const library of libraries) put(library)
  put(
    join(execFileSync('npm', ['root', '-g'], { encoding: 'utf8' }).trim(), 'npm'),
    '/usr/local/lib/node_modules/npm',
  )
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', `${root}/usr/local/bin/npm`)
  for (const empty of ['tmp', 'proc', 'dev', 'etc', 'root']) mkdirSync(join(root, empty), { recursive: true })
  writeFileSync(`${root}/etc/passwd`, 'root:x:0:0::/root:/bin/sh\n')
  writeFileSync(`${root}/etc/nsswitch.conf`, 'hosts: files dns\n')
  const certificates = process.env.NODE_EXTRA_CA_CERTS
  if (certificates) put(certificates, '/etc/extra.pem')
  const container = buildah('from', 'scratch')
  buildah('copy', '-q', container, root, '/')
  const env = [
    'PATH=/usr/local/bin:/usr/bin:/bin',
    'NPM_CONFIG_USERCONFIG=/etc/npmrc',
    ...(certificates ? ['NODE_EXTRA_CA_CERTS=/etc/extra.pem'] : []),
  ]
  buildah('config', ...env.flatMap((each) => ['--env', each]), container)
  buildah('commit', '-q', '--rm', container, NODE_IMAGE)
}

function build() {
  const context = at('context')
  for (const path of ['deploy/container', 'systems', 'tsconfig.base.json', '.dockerignore'])
    cpSync(join(ROOT, path), join(context, path), {
      recursive: true,
      filter: (from) => !from.endsWith('/node_modules'),
    })
  mkdirSync(join(context, 'release'))
  for (const name of ['lovage', '@lovage/webhooks', '@lovage/dashboard'])
    execFileSync('npm', ['pack', '--silent', '-w', name, '--pack-destination', join(context, 'release')], {
      cwd: ROOT,
    })
  const npmrc = join(homedir(), '.npmrc')
  buildah(
    ...['bud', '-q', '--isolation', 'chroot', '--pull=never', '--build-arg', `SYSTEM=${system.name}`],
    // The registry of this machine, for the build alone.
    ...(existsSync(npmrc) ? ['-v', `${npmrc}:/etc/npmrc:ro`] : []),
    ...['-f', join(context, 'deploy/container/Containerfile'), '-t', system.name, context],
  )
}

function userOf() {
  return buildah('inspect', '--type', 'image', '--format', '{{.OCIv1.Config.User}}', system.name)
}

async function tryWorker() {
  const user = userOf()
  if (!/^[1-9]\d*:[1-9]\d*$/.test(user)) throw new Error(`the image runs as ${user}`)
  const workDir = buildah(
    'inspect',
    '--type',
    'image',
    '--format',
    '{{.OCIv1.Config.WorkingDir}}',
    system.name,
  )
  const root = buildah('mount', buildah('from', '--pull-never', system.name))
  await withRedis(folder, async (broker) => {
    const env = [
      ...['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_ENV=production', 'HOME=/'],
      ...[`CELERY_BROKER_URL=${broker}`, 'DATABASE_URL=sqlite:///tmp/data.db'],
      `LOVAGE_WEBHOOKS_KEYS=try:${Buffer.alloc(32, 1).toString('base64')}`,
    ]
    const script = `set -e; mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; mount -t tmpfs tmpfs "$0/tmp"
mount --rbind /dev "$0/dev"; mount -t proc proc "$0/proc"
user=$1 dir=$2; shift 2; root=$0; cd "$root"
exec chroot --userspec="$user" "$root" /usr/bin/env -i ${env.join(' ')} /bin/sh -c 'cd "$0" && exec "$@"' "$dir" "$@"`
    const start = (...words) =>
      spawn(
        'unshare',
        ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, root, user, workDir].concat(
          '/app/node_modules/.bin/celery',
          '-A',
          system.app,
          words,
        ),
        { stdio: ['ignore', 'pipe', 'pipe'] },
      )
    const worker = start(
      'worker',
      '--loglevel=info',
      '--concurrency=1',
      `--queues=${system.workers[0].queues.join(',')}`,
    )
    let said = ''
    const ready = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the worker is not ready:\n${said}`)), READY_MS)
      const listen = (text) => {
        said += text
        if (said.includes(' ready')) resolve(clearTimeout(late))
      }
      for (const stream of [worker.stdout, worker.stderr]) stream.setEncoding('utf8').on('data', listen)
      worker.once('exit', () => reject(new Error(`the worker ended:\n${said}`)))
    })
    try {
      await ready
      const ping = start('inspect', 'ping')
      ping.stdout.pipe(process.stdout)
      ping.stderr.pipe(process.stderr)
      const [code] = await once(ping, 'exit')
      if (code !== 0) throw new Error(`inspect ping ended with ${code}:\n${said}`)
    } finally {
      if (worker.exitCode === null) {
        worker.kill('SIGKILL')
        await once(worker, 'exit')
      }
    }
  })
}

function fail(code, line) {
  console.error(line)
  process.exit(code)
}
