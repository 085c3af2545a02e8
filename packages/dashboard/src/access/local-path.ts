/** A path and query of this dashboard: what was given, or the overview when it would lead elsewhere. */
export function localPath(prefix: string, given: string): string {
  const base = 'http://here'
  if (!URL.canParse(given, base)) return `${prefix}/`
  const { origin, pathname, search } = new URL(given, base)
  const isHere =
    origin === base && (prefix === '' || pathname === prefix || pathname.startsWith(`${prefix}/`))
  return isHere ? `${pathname.replace(/^\/{2,}/, '/')}${search}` : `${prefix}/`
}
