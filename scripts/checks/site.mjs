import { execute } from './run.mjs'

/** Builds the site of the documents and follows every link of it, as `npm run site` does. */
export async function checkSite() {
  const { code, output } = await execute('npm', ['run', '--silent', 'site'])
  return code === 0 ? [] : [output]
}
