import { beatWords, METRICS_PORT, STOP_S, SYSTEMS, workerWords } from './systems.mjs'

/** Units for systemd: one a worker, one a beat, all under a user without a shell. */
export function systemdFiles() {
  const files = {}
  for (const system of SYSTEMS) {
    for (const [at, worker] of system.workers.entries()) {
      // A `%` of the command's own is written twice.
      const words = [
        ...workerWords(system, worker).map((word) => word.replaceAll('%', '%%')),
        ...[`--pidfile=/run/${worker.unit}/worker.pid`, `--logfile=/var/log/celery/${worker.unit}.log`],
        `--metrics-port=${METRICS_PORT + at}`,
      ]
      files[`systemd/${worker.unit}.service`] = unit({
        system,
        name: worker.unit,
        description: `${system.name}: worker on ${worker.queues.join(', ')}`,
        words,
        memoryMb: worker.memoryMb,
      })
    }
    files[`systemd/${system.beatUnit}.service`] = unit({
      system,
      name: system.beatUnit,
      description: `${system.name}: beat, which sends periodic tasks; any number may run, one of them sends`,
      words: [
        ...beatWords(system),
        `--pidfile=/run/${system.beatUnit}/beat.pid`,
        `--logfile=/var/log/celery/${system.beatUnit}.log`,
      ],
      memoryMb: 256,
    })
  }
  files['systemd/celery.sysusers.conf'] =
    '# /usr/lib/sysusers.d/celery.conf: a user without a shell or a home.\nu celery - "Celery workers" - -\n'
  files['logrotate/celery'] = LOGROTATE
  return files
}

const LOGROTATE = `# /etc/logrotate.d/celery: a log file that was moved away is opened anew within a second; nobody is told.
/var/log/celery/*.log {
    daily
    rotate 14
    compress
    delaycompress
    missingok
    notifempty
    nocreate
}
`

function unit({ system: { name, user, broker, data }, name: unitName, description, words, memoryMb }) {
  const folder = `/opt/${name}`
  return `# /etc/systemd/system/${unitName}.service. Made by deploy/make from its table of systems.
[Unit]
Description=${description}
Documentation=file:${folder}/systems/${name}/README.md
After=network-online.target ${broker}.service postgresql.service
Wants=network-online.target

[Service]
Type=exec
User=${user}
Group=${user}
WorkingDirectory=${folder}/systems/${name}
EnvironmentFile=/etc/celery/${name}.env
Environment=NODE_ENV=production
ExecStart=${folder}/node_modules/.bin/celery ${words.join(' \\\n    ')}
ExecReload=/bin/kill -HUP $MAINPID

# TERM goes to the worker alone: it lets its tasks end (30 s), hands back what is left, and ends its children.
KillMode=mixed
TimeoutStopSec=${STOP_S}
Restart=always
RestartSec=10

MemoryMax=${memoryMb}M
RuntimeDirectory=${unitName}
LogsDirectory=celery
UMask=0027
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
${data ? `ReadWritePaths=${data}\n` : ''}
[Install]
WantedBy=multi-user.target
`
}
