/** A URL with its password replaced, safe to print; what is no URL is returned without its credentials part. */
export function redactUrl(url: string): string {
  return url
    .replace(/(:\/\/[^/?#@:]*):[^@/?#]*@/g, '$1:**@')
    .replace(/([?&](?:password|token|secret)=)[^&#]*/gi, '$1**')
}
