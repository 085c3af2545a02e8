import { authSerializer, getSerializer, type SecurityOptions } from '../../message/index.js'

/** Options for signing: `SecurityOptions`, and whether unsigned messages are refused. */
export interface SetupSecurity extends SecurityOptions {
  /** Default true: an unsigned message becomes a dead letter. */
  readonly rejectUnsigned?: boolean
}

/** The settings of an app that signs; `accepted` is the list it accepted before. */
export function securitySettings(
  { rejectUnsigned = true, ...options }: SetupSecurity,
  accepted: readonly string[],
) {
  // Unusable files should be reported now, not at the first message.
  authSerializer(options, getSerializer('json'), Date.now)
  return {
    securityKey: options.key,
    securityCertificate: options.certificate,
    securityCertStore: options.certStore,
    ...(options.digest === undefined ? {} : { securityDigest: options.digest }),
    ...(options.legacyFormat === undefined ? {} : { securityLegacyFormat: options.legacyFormat }),
    ...(options.keyPassword === undefined ? {} : { securityKeyPassword: options.keyPassword }),
    taskSerializer: 'auth',
    acceptContent: [...new Set(['auth', ...(rejectUnsigned ? [] : accepted)])],
  }
}
