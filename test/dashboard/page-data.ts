/** The data of a dashboard's page as JSON. Each test says what it expects of the fields that it names. */
// biome-ignore lint/suspicious/noExplicitAny: the types of all pages would say no more than the tests do.
export async function pageData(url: string): Promise<any> {
  const response = await fetch(url, { headers: { accept: 'application/json' } })
  return ((await response.json()) as { readonly data: unknown }).data
}
