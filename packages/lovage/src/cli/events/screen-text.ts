/** Characters that would move the cursor, change the terminal, or reverse the line: events are untrusted. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** A text safe to print on a terminal; line ends and tabs stay. */
export const safe = (text: string): string => text.replace(UNSAFE, '?')

/** Same as `safe`, on one line. */
export const oneLine = (text: string): string => safe(text).replace(/[\n\t]+ */g, ' ')

/** Text of exactly `width` columns: truncated, with `…`, or padded. */
export function toWidth(text: string, width: number): string {
  let columns = 0
  let shown = ''
  for (const character of oneLine(text)) {
    const wide = columnsOf(character)
    if (columns + wide > width) {
      while (columns > width - 1 && shown !== '') {
        const last = [...shown].at(-1) ?? ''
        shown = shown.slice(0, -last.length)
        columns -= columnsOf(last)
      }
      return width > 0 ? `${shown}…`.padEnd(shown.length + 1 + Math.max(0, width - 1 - columns)) : ''
    }
    shown += character
    columns += wide
  }
  return shown + ' '.repeat(width - columns)
}

/** Wraps a text into lines of at most `width` columns. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const line of safe(text).replaceAll('\t', '    ').split('\n')) {
    let rest = [...line]
    do {
      let columns = 0
      let count = 0
      while (count < rest.length && columns + columnsOf(rest[count] ?? '') <= width)
        columns += columnsOf(rest[count++] ?? '')
      lines.push(rest.slice(0, Math.max(1, count)).join(''))
      rest = rest.slice(Math.max(1, count))
    } while (rest.length > 0)
  }
  return lines
}

/** The terminal columns of a character: none for combining marks, two for wide East Asian characters and emoji. */
function columnsOf(character: string): number {
  const point = character.codePointAt(0) ?? 0
  if (point < 0x300) return 1
  if (/\p{Mark}/u.test(character)) return 0
  const isWide =
    (point >= 0x1100 && point <= 0x115f) ||
    (point >= 0x2e80 && point <= 0xa4cf) ||
    (point >= 0xac00 && point <= 0xd7a3) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0xfe30 && point <= 0xfe6f) ||
    (point >= 0xff00 && point <= 0xff60) ||
    (point >= 0xffe0 && point <= 0xffe6) ||
    point >= 0x1f000
  return isWide ? 2 : 1
}
