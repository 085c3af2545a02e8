import { isSecretName, MASK } from 'lovage'

/** Texts without any of these contain no named secret; this is the only cost for nearly all texts. */
const SUSPECT = /passw|passphrase|secret|token|credential|authorization|key|:\/\//i
/** A name in quotes or bare, what joins it to its value, and the value: in quotes, or up to the next comma, bracket or space. */
const NAMED =
  /(["']?)([\w.-]{1,64})\1(\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|(?:Bearer |Basic )?[^\s,;)}\]&]+)/gi
const CREDENTIALS = /(:\/\/[^\s/?#@:'"]*):[^\s@/?#'"]*@/g

/**
 * Masks the secrets in an event's text: values with secret names (`'password': 'x'`, `token=x`), and passwords in URLs. Lovage's own
 * workers mask them already; this covers all other senders.
 *
 * @param more Further names, in lower case.
 */
export function redactText(text: string, more: ReadonlySet<string>): string {
  if (more.size === 0 && !SUSPECT.test(text)) return text
  return text
    .replace(NAMED, (whole: string, quote: string, name: string, join: string, value: string) => {
      if (!isSecretName(name) && !more.has(name.toLowerCase())) return whole
      const end = /^["']/.test(value) ? value.charAt(0) : ''
      return `${quote}${name}${quote}${join}${end}${MASK}${end}`
    })
    .replace(CREDENTIALS, `$1:${MASK}@`)
}
