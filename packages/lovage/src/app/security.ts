import { ConfigurationError, systemClock } from '../kernel/index.js'
import {
  type AcceptList,
  acceptList,
  authSerializer,
  BODY_ROOT,
  getSerializer,
  type OutgoingMessage,
  type Serializer,
  type TaskMessage,
} from '../message/index.js'
import type { Settings } from './settings/index.js'

/** What is read once for settings, which never change. */
const serializers = new WeakMap<Settings, Serializer>()

/** The `auth` serializer that settings describe. */
function authOf(conf: Settings): Serializer {
  const known = serializers.get(conf)
  if (known) return known
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
  const made = authSerializer(
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
  serializers.set(conf, made)
  return made
}

/** A serializer by its name, as an app's settings have it. */
export const serializerOf = (conf: Settings, name: string): string | Serializer =>
  name === 'auth' ? authOf(conf) : name

/** What an app reads. */
export const acceptOf = (conf: Settings): AcceptList =>
  acceptList(conf.acceptContent, conf.acceptContent.includes('auth') ? authOf(conf) : undefined)

/** How an app signs what it writes anew; undefined when it signs nothing. */
export const signerOf = (conf: Settings): Serializer | undefined =>
  conf.taskSerializer === 'auth' ? authOf(conf) : undefined

/** A task's body, written anew. */
export function bodyOf(
  parts: Pick<TaskMessage, 'args' | 'kwargs' | 'embed'>,
  signer: Serializer | undefined,
): Pick<OutgoingMessage, 'body' | 'contentType' | 'contentEncoding'> {
  const { contentType, contentEncoding, encode } = signer ?? getSerializer('json')
  return { body: encode([parts.args, parts.kwargs, parts.embed], BODY_ROOT), contentType, contentEncoding }
}
