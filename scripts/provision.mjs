/**
 * Makes sure that the servers which the tests start are installed: finds them, else installs them with apt-get when that
 * is allowed, else says in one message what to do. Starts nothing and touches no server that runs.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const PYTHON = process.env.LOVAGE_TEST_PYTHON ?? '/usr/bin/python3'

const NEEDS = [
  { name: 'Redis', found: () => inPath('redis-server'), packages: ['redis-server'] },
  {
    name: 'RabbitMQ',
    found: () =>
      (existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server') || inPath('rabbitmq-server')) && inPath('epmd'),
    packages: ['rabbitmq-server'],
  },
  {
    name: 'PostgreSQL',
    found: () => debianPostgres() || ['initdb', 'postgres', 'psql'].every(inPath),
    packages: ['postgresql'],
  },
  { name: 'promtool', found: () => inPath('promtool'), packages: ['prometheus'] },
  {
    name: 'logrotate',
    found: () => ['/usr/sbin/logrotate', '/usr/bin/logrotate'].some(existsSync),
    packages: ['logrotate'],
  },
  {
    name: 'Python with Celery',
    found: () => succeeds(PYTHON, ['-c', 'import celery, redis, sqlalchemy, psycopg2, msgpack, yaml']),
    packages: ['celery', 'redis', 'sqlalchemy', 'psycopg2', 'msgpack', 'yaml'].map(
      (name) => `python3-${name}`,
    ),
  },
  {
    name: 'Python with boto3, for kombu’s SQS',
    found: () => succeeds(PYTHON, ['-c', 'import boto3']),
    packages: ['python3-boto3'],
  },
  {
    name: 'Python with openpyxl, a reader of spreadsheets',
    found: () => succeeds(PYTHON, ['-c', 'import openpyxl']),
    packages: ['python3-openpyxl'],
  },
  {
    name: 'Chromium',
    found: () => inPath('chromium'),
    packages: ['chromium', 'fonts-liberation'],
  },
  { name: 'OpenSSL', found: () => inPath('openssl'), packages: ['openssl'] },
]

/** Installs what is missing if it can. Returns what is missing still: names, and the packages that would bring them. */
export function provision() {
  const missing = NEEDS.filter((need) => !need.found())
  if (missing.length > 0 && process.getuid?.() === 0 && inPath('apt-get')) {
    console.log(`Installing for the tests: ${missing.map((need) => need.name).join(', ')}`)
    aptInstall(missing.flatMap((need) => need.packages))
  }
  return NEEDS.filter((need) => !need.found())
}

/** The container engine that works here, if any. */
export function containerEngine() {
  return ['docker', 'podman'].find((engine) => inPath(engine) && succeeds(engine, ['info']))
}

/** The one message for someone who must install something by hand. */
export function advice(missing) {
  return [
    `The tests start private servers, and these are not installed: ${missing.map((need) => need.name).join(', ')}.`,
    'On Debian or Ubuntu, install them with',
    '',
    `  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing.flatMap((need) => need.packages).join(' ')}`,
    '',
    'or run the tests as root, which does so by itself, or have Docker or Podman running, in which they then run.',
    'Elsewhere, put the programs in PATH; LOVAGE_TEST_PYTHON names an interpreter that has celery.',
  ].join('\n')
}

function aptInstall(packages) {
  const options = ['-qq', '-o', 'DPkg::Lock::Timeout=300']
  const install = [
    'install',
    '-y',
    '--no-install-recommends',
    '-o',
    'Dpkg::Options::=--force-confold',
    ...packages,
  ]
  withoutServices(() => {
    for (let attempt = 1; attempt <= 2; attempt++) {
      if (apt([...options, 'update']) && apt([...options, ...install])) return
      console.error(`apt-get failed (attempt ${attempt} of 2)`)
    }
  })
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}

// Debian starts a server as it is installed. A test must not leave one behind, so policy-rc.d forbids it meanwhile, and
// PostgreSQL is told to create no cluster.
function withoutServices(action) {
  const policy = '/usr/sbin/policy-rc.d'
  const before = existsSync(policy) ? { text: readFileSync(policy), mode: statSync(policy).mode } : undefined
  const cluster = '/etc/postgresql-common/createcluster.conf'
  if (!existsSync(cluster)) {
    mkdirSync('/etc/postgresql-common', { recursive: true })
    writeFileSync(cluster, 'create_main_cluster = false\n')
  }
  writeFileSync(policy, '#!/bin/sh\nexit 101\n')
  chmodSync(policy, 0o755)
  try {
    action()
  } finally {
    if (before) {
      writeFileSync(policy, before.text)
      chmodSync(policy, before.mode)
    } else rmSync(policy)
  }
}

function debianPostgres() {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return false
  return readdirSync(root).some((version) =>
    ['initdb', 'postgres', 'psql'].every((program) => existsSync(join(root, version, 'bin', program))),
  )
}

function inPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const missing = provision()
  console.log(missing.length === 0 ? 'Everything that the tests need is installed.' : advice(missing))
  process.exitCode = missing.length === 0 ? 0 : 1
}
