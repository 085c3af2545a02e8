import { ConfigurationError, redactUrl } from '../../kernel/index.js'
import { type AccessKey, accessKeyOf } from '../shared/index.js'

/** An access key, or a role's for a while. */
export interface S3Credentials extends AccessKey {
  readonly sessionToken?: string
}

/** Where payloads are, read from a URL. */
export interface S3Place {
  /** The URL of the bucket, without a slash at its end. */
  readonly bucketUrl: string
  /** Before every key: empty, or with a slash at its end. */
  readonly prefix: string
  readonly region: string
  readonly credentials?: S3Credentials
  /** A lifecycle rule of the bucket removes old payloads. */
  readonly hasLifecycle: boolean
  /** Without secrets. */
  readonly location: string
}

const FORM =
  's3://bucket/prefix?region=eu-west-1, or with another server: s3://bucket/prefix?endpoint=https://host:port'

/**
 * Parses `s3://bucket/prefix` and `s3://key:secret@bucket/prefix`; query: `region`, `endpoint`, `expiry=lifecycle`.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID
 */
export function parseS3Url(url: string, env: NodeJS.ProcessEnv = process.env): S3Place {
  // A secret may hold characters that URL would not accept there.
  const [, userinfo, bucket = '', path = '', query = ''] =
    /^s3:\/\/(?:(.*)@)?([^/?@]+)\/?([^?]*)(?:\?(.*))?$/i.exec(url) ?? []
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw invalid(url, 'names no bucket')
  const parameters = new URLSearchParams(query)
  const unknown = [...parameters.keys()].find((name) => !['region', 'endpoint', 'expiry'].includes(name))
  if (unknown !== undefined) throw invalid(url, `has an unknown parameter, ${unknown}`)
  const expiry = parameters.get('expiry')
  if (expiry !== null && expiry !== 'lifecycle') throw invalid(url, 'has an expiry other than lifecycle')
  const endpoint = parameters.get('endpoint')?.replace(/\/+$/, '')
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:/.test(endpoint)))
    throw invalid(url, 'has an endpoint that is not an http:// or https:// URL')
  const region = parameters.get('region') ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1'
  const prefix = path.replace(/\/+$/, '')
  const credentials = credentialsOf(userinfo, env)
  return {
    bucketUrl: bucketUrlOf(bucket, region, endpoint),
    prefix: prefix === '' ? '' : `${prefix}/`,
    region,
    ...(credentials ? { credentials } : {}),
    hasLifecycle: expiry === 'lifecycle',
    location: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
  }
}

/** Names with dots fit no certificate of Amazon's, and other servers mostly know buckets by path alone. */
function bucketUrlOf(bucket: string, region: string, endpoint: string | undefined): string {
  if (endpoint !== undefined) return `${endpoint}/${bucket}`
  if (bucket.includes('.')) return `https://s3.${region}.amazonaws.com/${bucket}`
  return `https://${bucket}.s3.${region}.amazonaws.com`
}

function credentialsOf(userinfo: string | undefined, env: NodeJS.ProcessEnv): S3Credentials | undefined {
  const given = accessKeyOf(userinfo)
  if (given) return given
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env
  if (!accessKeyId || !secretAccessKey) return undefined
  const { AWS_SESSION_TOKEN: sessionToken } = env
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
}

const invalid = (url: string, problem: string): ConfigurationError =>
  new ConfigurationError(`${redactUrl(url)} ${problem}.`, {
    code: 'LVG_CONFIG_INVALID',
    hint: `Write it as ${FORM}.`,
  })
