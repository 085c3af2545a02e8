import type { AmqpOptions, AmqpTls } from './options.js'

type Settings = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Settings => typeof value === 'object' && value !== null

/**
 * Connection options from an app's settings: `brokerUseSsl`, `brokerHeartbeat`, `brokerConnectionTimeout`, `brokerLoginMethod`,
 * `brokerTransportOptions.confirmTimeout`.
 */
export function amqpOptionsOf(settings: Settings): AmqpOptions {
  const {
    brokerUseSsl: ssl,
    brokerHeartbeat: heartbeat,
    brokerConnectionTimeout: connectS,
    brokerLease: leaseS,
    brokerTransportOptions: transport,
  } = settings
  const { confirmTimeout, confirm_timeout: confirmS = confirmTimeout } = isRecord(transport) ? transport : {}
  const isExternal = /^external$/i.test(String(settings.brokerLoginMethod ?? ''))
  return {
    ...(isRecord(ssl) ? { tls: tlsOf(ssl) } : {}),
    ...(typeof heartbeat === 'number' ? { heartbeat } : {}),
    ...(typeof connectS === 'number' ? { connectTimeoutMs: connectS * 1000 } : {}),
    // A disconnected worker must learn it before its claims could belong to another.
    ...(typeof leaseS === 'number' && leaseS > 0 ? { silenceMs: (leaseS * 1000) / 3 } : {}),
    ...(typeof confirmS === 'number' && confirmS > 0 ? { confirmTimeoutMs: confirmS * 1000 } : {}),
    ...(isExternal ? { login: 'EXTERNAL' } : {}),
  }
}

/** Node's names, or Celery's, which are those of Python's `ssl`. */
function tlsOf(ssl: Settings): AmqpTls {
  const text = (name: keyof AmqpTls, ...aliases: readonly string[]): AmqpTls => {
    const value = [name, ...aliases].map((one) => ssl[one]).find((one) => typeof one === 'string')
    return typeof value === 'string' ? { [name]: value } : {}
  }
  const requirement = ssl.cert_reqs ?? ssl.certReqs ?? ssl.ssl_cert_reqs
  const isOpen =
    ssl.rejectUnauthorized === false || (requirement !== undefined && /none|^0$/i.test(String(requirement)))
  return {
    ...text('ca', 'ca_certs', 'caCerts', 'ssl_ca_certs'),
    ...text('cert', 'certfile', 'ssl_certfile'),
    ...text('key', 'keyfile', 'ssl_keyfile'),
    ...text('servername', 'server_hostname', 'serverHostname'),
    verify: !isOpen,
  }
}
