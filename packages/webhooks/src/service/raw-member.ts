/**
 * The text of a member of a JSON object, unchanged: numbers keep all their digits, which `JSON.parse` would round. The text is known to be
 * valid JSON of an object; of several members with the name the last counts, as in `JSON.parse`.
 */
export function rawMember(text: string, name: string): string | undefined {
  let found: string | undefined
  let at = text.indexOf('{') + 1
  for (;;) {
    const keyAt = nextOf(text, at, '"}')
    if (text[keyAt] !== '"') return found
    const keyEnd = stringEnd(text, keyAt)
    const valueAt = skipSpace(text, nextOf(text, keyEnd, ':') + 1)
    const end = valueEnd(text, valueAt)
    if (JSON.parse(text.slice(keyAt, keyEnd)) === name) found = text.slice(valueAt, end).trimEnd()
    at = end
  }
}

/** The end of a value: where a comma or a closing bracket follows it. */
function valueEnd(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = stringEnd(text, at) - 1
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') {
      if (depth === 0) return at
      depth -= 1
    } else if (char === ',' && depth === 0) return at
  }
  return text.length
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at + 1
  }
  return text.length
}

function nextOf(text: string, start: number, chars: string): number {
  let at = start
  while (at < text.length && !chars.includes(text.charAt(at))) at += 1
  return at
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (/\s/.test(text.charAt(at))) at += 1
  return at
}
