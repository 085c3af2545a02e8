import { beatWords, METRICS_PORT, STOP_S, SYSTEMS, workerWords } from './systems.mjs'

const HEAD = (
  name,
) => `# docker compose -f ${name}.yml up -d, in this folder. Made by deploy/make from its table of systems.
# Each container has 40 seconds to let its tasks end. Secrets are in ../env/${name}.env, which you write from its example.
name: ${name}
`

/** Compose files: Redis, PostgreSQL, workers, a beat and an exporter, with health checks. */
export function composeFiles() {
  return Object.fromEntries(SYSTEMS.map((system) => [`compose/${system.name}.yml`, compose(system)]))
}

function compose(system) {
  const { name, workers } = system
  const service = (key, words, health) => `  ${key}:
    <<: *celery
    command: ${JSON.stringify(words)}
${health}`
  const alive = `    healthcheck:
      test: ["CMD", "node", "-e", "fetch('http://127.0.0.1:${METRICS_PORT}/health/ready').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
      interval: 10s
      timeout: 5s
      start_period: 20s
`
  return `${HEAD(name)}
x-celery: &celery
  image: ${name}:latest
  build:
    context: ../..
    dockerfile: deploy/container/Containerfile
    args: { SYSTEM: ${name} }
  env_file: ../env/${name}.env
  environment:
    CELERY_BROKER_URL: redis://redis:6379/0
    NODE_ENV: production
  read_only: true
  tmpfs: [/tmp]
  user: "10001:10001"
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  stop_grace_period: ${STOP_S}s
  restart: unless-stopped
  depends_on:
    redis: { condition: service_healthy }
    postgres: { condition: service_healthy }
${system.data ? `  volumes: ["uploads:${system.data}"]\n` : ''}
services:
  redis:
    image: docker.io/library/redis:7-alpine
    # Every write is on the disk before it is answered: nothing is lost when the server dies.
    command: ["redis-server", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
    volumes: ["redis:/data"]
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 5s
      timeout: 3s
    stop_grace_period: 30s
    restart: unless-stopped
  postgres:
    image: docker.io/library/postgres:16-alpine
    env_file: ../env/${name}.env
    volumes: ["postgres:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U $$POSTGRES_USER"]
      interval: 5s
      timeout: 3s
    stop_grace_period: 30s
    restart: unless-stopped
${workers
  .map((worker) =>
    service(
      worker.name === 'worker' ? 'celery-worker' : `celery-worker-${worker.name}`,
      [...workerWords(system, worker), `--metrics-port=${METRICS_PORT}`, '--metrics-host=0.0.0.0'],
      alive,
    ),
  )
  .join(
    '',
  )}${service('celery-beat', beatWords(system), '    healthcheck: { disable: true }\n')}${service('exporter', ['-A', system.app, 'exporter', '--host=0.0.0.0'], '    healthcheck: { disable: true }\n    ports: ["127.0.0.1:9808:9808"]\n')}
volumes:
  redis: {}
  postgres: {}
${system.data ? '  uploads: {}\n' : ''}`
}
