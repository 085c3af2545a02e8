import { contract, Lovage, unchecked } from 'lovage'

// Positional arguments as a tuple, named ones by a schema; then the result.
export const resize = contract<[path: string, width: number], { url: string }>('images.resize', {
  queue: 'media',
})
export const report = contract({
  name: 'reports.build',
  input: unchecked<{ year: number }>(),
  output: unchecked<{ pages: number }>(),
})

export const app = new Lovage('web')

export async function main(): Promise<string> {
  const thumbnail = await app.remote(resize).delay('a.png', 200) // AsyncResult<{ url: string }>
  await app.remote(report).delay({ year: 2026 })
  await app.sendTask('legacy.cleanup', { args: [30], kwargs: { dry_run: true }, queue: 'low' }) // no contract
  return (await thumbnail.get({ timeout: 10 })).url
}

// A worker of the same contract in TypeScript: its function must have the contract's types.
export const implementResize = (worker: Lovage) =>
  worker.implement(resize, async (_ctx, path, width) => ({ url: `/${width}/${path}` }))
