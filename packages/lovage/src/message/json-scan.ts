/** The index of the closing quote of the string that opens at `start`. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === 92) slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}

/** A value's position in the text: its first character and the one after its last. */
export interface Place {
  readonly start: number
  readonly end: number
}

/** Finds the value of a member of the object that begins at `from`; the last of repeated members, as parsers do. */
export function member(text: string, from: number, name: string): Place | undefined {
  let found: Place | undefined
  let at = skipSpace(text, from)
  if (text[at] !== '{') return undefined
  at = skipSpace(text, at + 1)
  while (text[at] === '"') {
    const nameEnd = endOfString(text, at)
    const key = text.slice(at + 1, nameEnd)
    at = skipSpace(text, nameEnd + 1)
    if (text[at] !== ':') return found
    const start = skipSpace(text, at + 1)
    const end = endOfValue(text, start)
    if (key === name) found = { start, end }
    at = skipSpace(text, end)
    if (text[at] !== ',') return found
    at = skipSpace(text, at + 1)
  }
  return found
}

/** The index of the first non-whitespace character from `from` on. */
export function skipSpace(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) <= 32) at++
  return at
}

function endOfValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return endOfString(text, start) + 1
  let at = start
  if (first !== '{' && first !== '[') {
    while (at < text.length && !',}] \t\r\n'.includes(text.charAt(at))) at++
    return at
  }
  for (let depth = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1
  }
  return text.length
}
