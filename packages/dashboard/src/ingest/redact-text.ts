import { isSecretName, MASK } from 'lovage'

/** Texts without any of these have no secret by name; nearly all have none, and this is all that they cost. */
const SUSPECT = /passw|passphrase|secret|token|credential|authorization|key|:\/\//i
/** A name in quotes or bare, what joins it to its value, and the value: in quotes, or up to the next comma, bracket or space. */
const NAMED =
  /(["']?)([\w.-]{1,64})\1(\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|(?:Bearer |Basic )?[^\s,;)}\]&]+)/gi
const CREDENTIALS = /(:\/\/[^\s/?#@:'"]*):[^\s@/?#'"]*@/g

/**
 * A text of an event without its secrets: values whose names say so (`'password': 'x'`, `token=x`), and passwords in URLs. What Lovage's
 * own workers tell is hidden there already; this is for everybody else.
 *
 * @param more Further names, in small letters.
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
