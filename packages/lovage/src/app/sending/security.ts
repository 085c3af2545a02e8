import type { ControlFormat } from '../../envelope/index.js'
import { ConfigurationError, systemClock } from '../../kernel/index.js'
import {
  type AcceptList,
  acceptList,
  authSerializer,
  BODY_ROOT,
  ENCRYPTED_TYPE,
  encryptedSerializer,
  getSerializer,
  type OutgoingMessage,
  type Serializer,
  type TaskMessage,
} from '../../message/index.js'
import type { Settings } from '../settings/index.js'

/** State computed once per settings object, which never changes. */
const serializers = new WeakMap<Settings, { auth?: Serializer; encrypted?: Serializer }>()

function madeFor(conf: Settings) {
  const known = serializers.get(conf) ?? {}
  serializers.set(conf, known)
  return known
}

/** The `auth` serializer that settings describe. */
function authOf(conf: Settings): Serializer {
  const known = madeFor(conf)
  if (known.auth) return known.auth
  const { securityKey: key, securityCertificate: certificate, securityCertStore: certStore } = conf
  if (!key || !certificate || !certStore) {
    throw new ConfigurationError(
      'Signed messages need securityKey, securityCertificate and securityCertStore.',
      {
        code: 'LVG_CONFIG_INVALID',
        hint: 'Set them, or call app.setupSecurity({ key, certificate, certStore }).',
      },
    )
  }
  known.auth = authSerializer(
    {
      key,
      certificate,
      certStore,
      digest: conf.securityDigest,
      legacyFormat: conf.securityLegacyFormat,
      ...(conf.securityKeyPassword ? { keyPassword: conf.securityKeyPassword } : {}),
    },
    getSerializer('json'),
    () => systemClock.now(),
  )
  return known.auth
}

/** The `encrypted` serializer that settings describe; where messages are signed, the encrypted content is signed inside. */
function encryptedOf(conf: Settings): Serializer {
  const known = madeFor(conf)
  if (known.encrypted) return known.encrypted
  const { encryptionKeys: keys, acceptContent } = conf
  if (keys.length === 0)
    throw new ConfigurationError('Encrypted messages need encryptionKeys.', {
      code: 'LVG_CONFIG_INVALID',
      hint: 'Generate a key with `openssl rand -base64 32`, and give it to every process.',
    })
  const json = getSerializer('json')
  const isSigned = acceptContent.includes('auth')
  known.encrypted = encryptedSerializer({
    keys,
    inner: isSigned ? authOf(conf) : json,
    readable: [
      ...(isSigned ? [authOf(conf)] : []),
      ...(isSigned && !acceptContent.includes('json') ? [] : [json]),
    ],
  })
  return known.encrypted
}

/** A serializer by its name, as an app's settings have it. */
export const serializerOf = (conf: Settings, name: string): string | Serializer =>
  name === 'auth' ? authOf(conf) : name === 'encrypted' ? encryptedOf(conf) : name

/** The content an app reads: encrypted messages as well, wherever there are keys. */
export const acceptOf = (conf: Settings): AcceptList =>
  acceptList(conf.acceptContent, [
    ...(conf.acceptContent.includes('auth') ? [authOf(conf)] : []),
    ...(conf.encryptionKeys.length > 0 || conf.acceptContent.includes('encrypted')
      ? [encryptedOf(conf)]
      : []),
  ])

const formats = new WeakMap<Settings, ControlFormat & { readonly events: AcceptList }>()

/**
 * How remote control and events are read: the types in `acceptContent`, and for events JSON, which both languages use. An app
 * that does not accept plain JSON signs or encrypts its commands, and obeys no others.
 */
export function formatOf(conf: Settings): ControlFormat & { readonly events: AcceptList } {
  const known = formats.get(conf)
  if (known) return known
  const accept = acceptOf(conf)
  const json = getSerializer('json')
  const own = accept.types.has(json.contentType)
    ? undefined
    : (signerOf(conf, '') ?? getSerializer(conf.taskSerializer))
  const format = {
    accept,
    events: { ...accept, types: new Set([...accept.types, json.contentType]) },
    ...(own ? { serializer: own } : {}),
  }
  formats.set(conf, format)
  return format
}

/**
 * How an app protects content it rewrites: as it protects everything, and encrypted content is encrypted again; undefined when it
 * does neither.
 */
export function signerOf(conf: Settings, contentType: string): Serializer | undefined {
  if (contentType === ENCRYPTED_TYPE || conf.taskSerializer === 'encrypted') return encryptedOf(conf)
  return conf.taskSerializer === 'auth' ? authOf(conf) : undefined
}

/** A task's body, rewritten. */
export function bodyOf(
  parts: Pick<TaskMessage, 'args' | 'kwargs' | 'embed'>,
  signer: Serializer | undefined,
): Pick<OutgoingMessage, 'body' | 'contentType' | 'contentEncoding'> {
  const { contentType, contentEncoding, encode } = signer ?? getSerializer('json')
  return { body: encode([parts.args, parts.kwargs, parts.embed], BODY_ROOT), contentType, contentEncoding }
}
